package io.tidemark.model;

/**
 * A tensor that an adapter has beside the one in use, and that must be equal to it.
 *
 * @param copy   has no effect in PEFT
 * @param loaded what PEFT uses
 */
public record TensorCopy(StoredTensor copy, StoredTensor loaded) {
}
