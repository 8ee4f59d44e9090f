package io.tidemark.torch;

import ai.djl.engine.EngineException;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import java.util.List;

/**
 * A loaded TorchScript object whose methods are called by name. Calls from several threads are safe as long as none of
 * them sets an attribute.
 */
public final class Script implements AutoCloseable {

    private final PtSymbolBlock block;
    private final Context context;
    private final String name;

    Script(PtSymbolBlock block, Context context, String name) {
        this.block = block;
        this.context = context;
        this.name = name;
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
