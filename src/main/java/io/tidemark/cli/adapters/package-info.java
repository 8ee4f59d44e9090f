/**
 * {@code tidemark adapters}: writes the topic {@code adapters}, and shows what workers have of its names. Depends on
 * {@code client}, {@code message}, {@code model}, {@code cli.serving} and {@code cli.console}, and on {@code adapter}
 * for checks and sources. Start with {@link io.tidemark.cli.adapters.AdaptersCommand}, then {@code ShownName} and
 * {@code NameOnWorker}.
 */
package io.tidemark.cli.adapters;
