package io.tidemark.decoder;

import static io.tidemark.decoder.script.DecoderMethod.NATIVE_CLOSE_MODEL;
import static io.tidemark.decoder.script.DecoderMethod.NO_ADAPTERS;
import static io.tidemark.decoder.script.DecoderMethod.NO_OVERRIDES;
import static io.tidemark.decoder.script.DecoderMethod.NO_STACKS;

import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.model.Kernels;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Script;
import io.tidemark.torch.ScriptException;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/**
 * The state that all passes through the decoder share.
 *
 * @param folder    the model folder
 * @param script    the decoder's script, with the base model's weights installed
 * @param kernels   what computes the layers and the head; never {@link Kernels#AUTO}
 * @param threads   sets how many threads an operator uses
 * @param noAdapter an adapter that changes nothing
 */
record DecoderContext(
        Path folder,
        Torch torch,
        Script script,
        ModelConfig config,
        ModelOptions options,
        Kernels kernels,
        OperatorThreads threads,
        LoraWeights noAdapter,
        EmptyLists empty)
        implements AutoCloseable {

    private static final System.Logger LOG = System.getLogger(DecoderContext.class.getName());

    /** Whether the native decoder computes the layers and the head. */
    boolean isNative() {
        return kernels.isFamily();
    }

    @Override
    public void close() {
        noAdapter.close();
        empty.close();
        close(script, kernels);
    }

    /** Closes a script whose weights may be installed. An adapter or a block that is open keeps native weights. */
    static void close(Script script, Kernels kernels) {
        try {
            if (kernels.isFamily()) {
                script.call(NATIVE_CLOSE_MODEL).close();
            }
        } catch (ScriptException e) {
            LOG.log(System.Logger.Level.WARNING, "the weights of the native decoder stay in memory", e);
        } finally {
            script.close();
        }
    }

    /**
     * Empty lists of the script's types: an empty list that Java creates has no element type.
     *
     * @param masks a tensor without elements
     */
    record EmptyLists(Value adapters, Value stacks, Value overrides, Value masks) implements AutoCloseable {

        static EmptyLists of(Torch torch, Script script) {
            return new EmptyLists(
                    script.call(NO_ADAPTERS),
                    script.call(NO_STACKS),
                    script.call(NO_OVERRIDES),
                    torch.hostBytes(ByteBuffer.allocateDirect(0)));
        }

        @Override
        public void close() {
            adapters.close();
            stacks.close();
            overrides.close();
            masks.close();
        }
    }
}
