/**
 * The JSON records that clients and workers exchange, and the strict reading of what clients send.
 * Knows no other room, only JSON; the schemas of these records are under {@code schemas/} in the resources.
 * Start reading at {@link io.tidemark.message.RequestMessage} and {@link io.tidemark.message.RequestParser}.
 */
package io.tidemark.message;
