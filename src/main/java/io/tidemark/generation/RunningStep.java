package io.tidemark.generation;

import java.util.List;

/**
 * What the thread of the engine does at the moment: one native step with the Java code around it, or one slice of a
 * background task. Each is a new object, so that an observer sees by its identity whether it is still the same.
 *
 * @param requests ids of the requests in the step, as in {@link EngineRequest#id}; empty between two steps and
 *                 during a background task
 */
public record RunningStep(List<String> requests) {}
