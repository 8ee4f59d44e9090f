/**
 * {@code tidemark adapters}: writes the topic {@code adapters}, and shows what workers have of its names. Depends on
 * {@code client}, on {@code adapter} for checks and sources, on {@code cli.serving} and on {@code cli.console}. Start
 * with {@link io.tidemark.cli.adapters.AdaptersCommand}, then {@code ShownName} and {@code NameOnWorker}.
 */
package io.tidemark.cli.adapters;
