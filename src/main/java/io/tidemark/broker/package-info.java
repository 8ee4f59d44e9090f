/**
 * A Kafka broker inside this JVM, for the quick start, for several workers on one machine, and for tests.
 * Depends on no other package of the project: clients connect to its address like to any Kafka broker.
 * Start with {@link io.tidemark.broker.EmbeddedBroker}.
 */
package io.tidemark.broker;
