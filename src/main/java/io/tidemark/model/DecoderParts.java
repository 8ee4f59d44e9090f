package io.tidemark.model;

import io.tidemark.torch.Script;
import io.tidemark.torch.Torch;

/**
 * What every pass through the decoder needs.
 *
 * @param script    has the base weights installed
 * @param noAdapter stands in where no row has an adapter: TorchScript's lists must not be empty
 */
record DecoderParts(Torch torch, Script script, ModelConfig config, LoraWeights noAdapter) implements AutoCloseable {

    @Override
    public void close() {
        noAdapter.close();
        script.close();
    }
}
