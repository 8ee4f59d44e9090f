/**
 * PEFT LoRA adapters: read, checked against the base model, digested, and kept loaded by id.
 * It knows {@code model} and {@code torch}; a tensor or option that would not be applied exactly is refused by name.
 * Start with {@link io.tidemark.adapter.AdapterStore}, then {@link io.tidemark.adapter.AdapterReader}.
 */
package io.tidemark.adapter;
