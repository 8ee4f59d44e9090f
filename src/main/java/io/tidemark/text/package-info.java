/**
 * Text of a base model: tokenizer, chat templates, incremental detokenization and stop strings; and the escaping of
 * text from clients in log lines. Depends on {@code model} and {@code jinja}. Start with {@link
 * io.tidemark.text.TextTokenizer} and {@link io.tidemark.text.ChatTemplate}.
 */
package io.tidemark.text;
