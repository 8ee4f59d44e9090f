/**
 * Runs a file of requests: reads its lines, keeps a bounded number of requests open, and writes a file of results that
 * a second run continues. Depends on the client and on the records of {@code message}. Start with
 * {@link io.tidemark.cli.file.FileRun}.
 */
package io.tidemark.cli.file;
