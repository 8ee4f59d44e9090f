/**
 * The one way from the input of a request or an example to token ids, for workers, calibrators and commands.
 * Depends on {@code message}, {@code calibration}, {@code decoder}, {@code model} and {@code text}.
 * Start reading at {@link io.tidemark.input.InputEncoder}.
 */
package io.tidemark.input;
