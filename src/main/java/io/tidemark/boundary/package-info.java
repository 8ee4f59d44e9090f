/**
 * What the compacted topic {@code adapter-boundaries} says, and which boundary follows from it for a loaded adapter.
 * Knows no other room, only JSON.
 * Start reading at {@link io.tidemark.boundary.BoundaryRules}.
 */
package io.tidemark.boundary;
