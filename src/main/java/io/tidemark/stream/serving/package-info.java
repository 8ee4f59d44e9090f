/**
 * Start and end of a serving process, and the services of each role. The package depends on all other packages below
 * {@code stream} except {@code health}, on those that compute, and on Quarkus' life cycle events. Start reading at
 * {@link io.tidemark.stream.serving.ServingLifecycle}, then {@code Assembly}.
 */
package io.tidemark.stream.serving;
