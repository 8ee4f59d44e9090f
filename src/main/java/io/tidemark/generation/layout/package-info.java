/**
 * How an engine uses the processors: its instances, how many of them share a step, and the threads of a step. Measured
 * durations of turns and steps decide. Depends on {@code decoder} and {@code model}; {@code generation} runs the turns.
 * Start with {@link io.tidemark.generation.layout.EngineLayout} and
 * {@link io.tidemark.generation.layout.GroupWidth}, then {@link io.tidemark.generation.layout.MeasuredWidth},
 * {@code WidthsByRows}, {@code WidthTrial} and {@code RecentTurns}.
 * {@link io.tidemark.generation.layout.StepThreads} and {@code StepLimits} choose the threads of a step, whatever the
 * width; they share some constants with {@code WidthTrial} and {@code TrialSchedule}.
 */
package io.tidemark.generation.layout;
