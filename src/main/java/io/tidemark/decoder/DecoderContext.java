package io.tidemark.decoder;

import static io.tidemark.decoder.script.DecoderMethod.NO_ADAPTERS;
import static io.tidemark.decoder.script.DecoderMethod.NO_CACHED_LORA;
import static io.tidemark.decoder.script.DecoderMethod.NO_MASKS;
import static io.tidemark.decoder.script.DecoderMethod.NO_OVERRIDES;
import static io.tidemark.decoder.script.DecoderMethod.NO_PACKED_GROUPS;

import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Script;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.nio.file.Path;

/**
 * The state that all passes through the decoder share.
 *
 * @param folder    the model folder
 * @param script    the decoder's script, with the base model's weights installed
 * @param noAdapter an adapter that changes nothing
 */
record DecoderContext(
        Path folder,
        Torch torch,
        Script script,
        ModelConfig config,
        ModelOptions options,
        LoraWeights noAdapter,
        EmptyLists empty)
        implements AutoCloseable {

    @Override
    public void close() {
        noAdapter.close();
        empty.close();
        script.close();
    }

    /**
     * Empty lists of the script's types: an empty list that Java creates has no element type.
     *
     * @param masks a tensor without elements
     */
    record EmptyLists(Value adapters, Value packedGroups, Value cachedLora, Value overrides, Value masks)
            implements AutoCloseable {

        static EmptyLists of(Script script) {
            return new EmptyLists(
                    script.call(NO_ADAPTERS),
                    script.call(NO_PACKED_GROUPS),
                    script.call(NO_CACHED_LORA),
                    script.call(NO_OVERRIDES),
                    script.call(NO_MASKS));
        }

        @Override
        public void close() {
            adapters.close();
            packedGroups.close();
            cachedLora.close();
            overrides.close();
            masks.close();
        }
    }
}
