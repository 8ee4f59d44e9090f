/**
 * The life of a serving process: what is opened in which order, when it is ready, and how it ends. It knows all parts of
 * this room and the Quarkus events that drive them. Start reading at {@link io.tidemark.stream.serving.Serving}.
 */
package io.tidemark.stream.serving;
