/**
 * PEFT LoRA adapters: reading, validation against the base model, digests, and a cache of loaded adapters by id.
 * Depends on {@code model}, {@code decoder}, {@code tenant}, {@code time} and {@code torch}. An adapter with a tensor
 * or option that would not be applied exactly is refused. Start with {@link io.tidemark.adapter.AdapterStore}, then
 * {@code AdapterLoads}, {@code WaitingLoads}, {@code AdapterCache} and {@code AdapterReader}.
 */
package io.tidemark.adapter;
