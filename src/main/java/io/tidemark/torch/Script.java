package io.tidemark.torch;

import ai.djl.engine.EngineException;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;

/**
 * A loaded TorchScript object whose methods are called by name. Concurrent calls are safe if none of them sets an
 * attribute.
 */
public final class Script implements AutoCloseable {

    private final PtSymbolBlock block;
    private final Torch torch;
    private final String name;

    private Script(PtSymbolBlock block, Torch torch, String name) {
        this.block = block;
        this.torch = torch;
        this.name = name;
    }

    static Script load(ScriptSource source, Torch torch) {
        byte[] archive = ScriptArchive.pack(source);
        try {
            PtSymbolBlock block = JniUtils.loadModule(torch.manager(), new ByteArrayInputStream(archive), false, false);
            Script script = new Script(block, torch, source.className());
            torch.recorder().loaded(script, source.className(), archive);
            return script;
        } catch (EngineException e) {
            throw torch.failure("script " + source.className() + " could not be loaded", e);
        } catch (IOException e) {
            throw new UncheckedIOException("script " + source.className() + " could not be loaded", e);
        }
    }

    /**
     * Calls a method in one native call.
     *
     * @return the result of the method, which the caller closes
     * @throws ScriptException if libtorch reports an error
     * @throws DeviceError if the GPU can't be used any more
     */
    public Value call(String method, Value... arguments) {
        IValue[] raw = new IValue[arguments.length];
        for (int i = 0; i < arguments.length; i++) {
            raw[i] = arguments[i].raw();
        }
        try {
            torch.prepareThread();
            Value result = new Value(IValueUtils.runMethod(block, method, raw), null, torch);
            torch.recorder().called(result, this, method, List.of(arguments));
            return result;
        } catch (EngineException e) {
            throw torch.failure(name + "." + method + " failed", e);
        }
    }

    /** Calls a method with its parameters in order, as {@link #call(String, Value...)}. */
    public Value call(ScriptMethod method, Value... arguments) {
        return call(method.method(), arguments);
    }

    @Override
    public void close() {
        block.close();
    }
}
