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
 * A loaded TorchScript object whose methods are called by name. Calls from several threads are safe as long as none of
 * them sets an attribute.
 */
public final class Script implements AutoCloseable {

    private final PtSymbolBlock block;
    private final Context context;
    private final String name;

    private Script(PtSymbolBlock block, Context context, String name) {
        this.block = block;
        this.context = context;
        this.name = name;
    }

    static Script load(ScriptSource source, Context context) {
        byte[] archive = ScriptArchive.pack(source);
        try {
            PtSymbolBlock block =
                    JniUtils.loadModule(context.manager(), new ByteArrayInputStream(archive), false, false);
            Script script = new Script(block, context, source.className());
            context.recorder().loaded(script, source.className(), archive);
            return script;
        } catch (EngineException e) {
            throw new ScriptFailed("script " + source.className() + " could not be loaded: " + e.getMessage(), e);
        } catch (IOException e) {
            throw new UncheckedIOException("script " + source.className() + " could not be loaded", e);
        }
    }

    /**
     * One native call.
     *
     * @return the method's result, to be closed by the caller
     * @throws ScriptFailed when libtorch reports an error
     */
    public Value call(String method, Value... arguments) {
        IValue[] raw = new IValue[arguments.length];
        for (int i = 0; i < arguments.length; i++) {
            raw[i] = arguments[i].raw();
        }
        try {
            context.threads().prepare();
            Value result = Value.owning(IValueUtils.runMethod(block, method, raw), context);
            context.recorder().called(result, this, method, List.of(arguments));
            return result;
        } catch (EngineException e) {
            throw new ScriptFailed(name + "." + method + " failed: " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        block.close();
    }
}
