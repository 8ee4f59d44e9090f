package io.tidemark.stream.worker;

/**
 * Who answers, as results say it.
 *
 * @param baseModel the base model's name
 * @param numLayers the base model's decoder layers
 * @param worker    this process
 */
public record WorkerIdentity(String baseModel, int numLayers, String worker) {}
