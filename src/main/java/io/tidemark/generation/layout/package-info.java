/**
 * How an engine uses the processors: its instances, how many of them share a step, and the threads of a step, chosen by
 * measured durations. Computes only: {@code InstanceGroups} and {@code EngineThread} of {@code generation} run the
 * turns. Start with {@link io.tidemark.generation.layout.EngineLayout} and
 * {@link io.tidemark.generation.layout.MeasuredWidth}, then {@code PreferredWidth}, {@code WidthTrial} and
 * {@code RecentTurns}.
 */
package io.tidemark.generation.layout;
