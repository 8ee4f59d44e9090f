package io.tidemark.decoder.lora;

import io.tidemark.model.StoredTensor;

/**
 * A tensor that an adapter has beside the one in use, and that must be equal to it.
 *
 * @param copy   has no effect in PEFT
 * @param loaded what PEFT uses
 * @param turned whether a row of one is a column of the other
 */
public record TensorCopy(StoredTensor copy, StoredTensor loaded, boolean turned) {}
