/**
 * The KV cache: blocks of slots on the device, the pool of slots of an engine, and the prefix cache. Depends on
 * {@code boundary}, {@code decoder.script}, {@code model} and {@code torch}, and on {@code decoder.lora} for the
 * identity of an adapter. Start with {@link io.tidemark.decoder.kvcache.KvPool}.
 */
package io.tidemark.decoder.kvcache;
