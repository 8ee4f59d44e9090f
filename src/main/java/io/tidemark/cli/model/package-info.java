/**
 * Options and classes of the commands that run a base model in this process: the model, its adapters, and data files.
 * Depends on picocli, {@code cli.console} and the packages that load and run a model, and on no Kafka and no Quarkus.
 * Start with {@link io.tidemark.cli.model.LocalModelOptions}.
 */
package io.tidemark.cli.model;
