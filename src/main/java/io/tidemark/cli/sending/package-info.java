/**
 * Sends the requests and validation examples of a command and waits for their results, with calls on the thread of the
 * command. Depends on the client, and on {@code cli.model} for files of examples. Start with
 * {@link io.tidemark.cli.sending.RequestClient}.
 */
package io.tidemark.cli.sending;
