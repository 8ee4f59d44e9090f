/**
 * What the commands that run a base model in this process share: their options, and the model and adapters that these
 * open. It knows picocli and the rooms that load and run a model; no Kafka and no Quarkus.
 * Start reading at {@link io.tidemark.cli.model.LocalModelOptions}.
 */
package io.tidemark.cli.model;
