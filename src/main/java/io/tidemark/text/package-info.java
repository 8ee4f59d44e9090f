/**
 * Text of a base model: the tokenizer, chat templates, incremental detokenization and stop strings.
 * Depends on {@code model} (configuration files of a model folder) and {@code jinja}.
 * Start with {@link io.tidemark.text.TextTokenizer} and {@link io.tidemark.text.ChatTemplate}.
 */
package io.tidemark.text;
