/**
 * Sends the requests of a command and waits for their results, with calls on the thread of the command. Depends on the
 * client. Start with {@link io.tidemark.cli.sending.RequestClient}.
 */
package io.tidemark.cli.sending;
