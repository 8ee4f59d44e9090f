/**
 * A real Kafka broker inside this JVM, for the quick start, for trying several workers on one machine, and for tests.
 * It knows no other room: whoever starts it hands its address to ordinary Kafka clients.
 * Start reading at {@link io.tidemark.broker.EmbeddedBroker}.
 */
package io.tidemark.broker;
