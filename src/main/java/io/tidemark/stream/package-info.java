/**
 * The services on Kafka and Quarkus: worker, calibrator, topics, tables, health, metrics and settings. The package
 * wires generation, calibration, model and adapters, which do not depend on it. Start reading at
 * {@link io.tidemark.stream.ServeApplication}, {@link io.tidemark.stream.serving.ServingLifecycle} and
 * {@link io.tidemark.stream.delivery.DeliveryLoop}.
 */
package io.tidemark.stream;
