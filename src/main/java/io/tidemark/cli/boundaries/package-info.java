/**
 * {@code tidemark boundaries}: what the topic of boundaries holds, and records written to it by hand.
 * It knows the topics' client ({@link io.tidemark.client}) and the boundary record.
 * Start reading at {@link io.tidemark.cli.boundaries.BoundariesCommand}, which lists the commands.
 */
package io.tidemark.cli.boundaries;
