package io.tidemark.decoder;

import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Script;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.nio.file.Path;

/**
 * What every pass through the decoder needs.
 *
 * @param folder      the model's, where an adapter's tensors are held against the base's
 * @param script      has the base weights installed
 * @param options     what the linears compute in
 * @param noAdapter   stands in where no row has an adapter: TorchScript's lists must not be empty
 * @param noStack     stands in where adapters run one by one
 * @param nothingKept stands in where a step finds out for itself which rows use what of its stacks
 */
public record DecoderParts(
        Path folder,
        Torch torch,
        Script script,
        ModelConfig config,
        ModelOptions options,
        LoraWeights noAdapter,
        Value noStack,
        Value nothingKept)
        implements AutoCloseable {

    @Override
    public void close() {
        noAdapter.close();
        noStack.close();
        nothingKept.close();
        script.close();
    }
}
