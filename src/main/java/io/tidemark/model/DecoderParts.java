package io.tidemark.model;

import io.tidemark.torch.Script;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;

/**
 * What every pass through the decoder needs.
 *
 * @param dims as {@code layer.torchscript} lists them
 */
record DecoderParts(Torch torch, Script script, ModelConfig config, Value weights, Value dims, Value epsilon)
        implements AutoCloseable {

    @Override
    public void close() {
        weights.close();
        dims.close();
        epsilon.close();
        script.close();
    }
}
