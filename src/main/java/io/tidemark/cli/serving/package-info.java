/**
 * The application of Quarkus as a part of a command: starts and stops it, delays the end of the JVM, and reads its
 * settings for commands that run without it. Depends on {@code stream} and {@code client}. Start with
 * {@link io.tidemark.cli.serving.ServingProcess}.
 */
package io.tidemark.cli.serving;
