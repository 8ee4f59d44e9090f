/**
 * The life cycle of a serving process: load, start, health, shutdown. The package depends on all other packages below
 * {@code stream} except {@code health}, and on Quarkus' life cycle events. Start reading at
 * {@link io.tidemark.stream.serving.ServingLifecycle}.
 */
package io.tidemark.stream.serving;
