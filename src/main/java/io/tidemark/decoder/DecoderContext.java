package io.tidemark.decoder;

import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Script;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.nio.file.Path;

/**
 * What every pass through the decoder uses.
 *
 * @param folder    the model folder
 * @param script    the decoder's script, with the base model's weights installed
 * @param noAdapter argument for steps without unpacked adapters: TorchScript lists must not be empty
 * @param noGroup   argument for steps without packed groups
 * @param noGather  argument for steps without cached gather indices
 */
record DecoderContext(
        Path folder,
        Torch torch,
        Script script,
        ModelConfig config,
        ModelOptions options,
        LoraWeights noAdapter,
        Value noGroup,
        Value noGather)
        implements AutoCloseable {

    @Override
    public void close() {
        noAdapter.close();
        noGroup.close();
        noGather.close();
        script.close();
    }
}
