/**
 * The boundary record of the compacted topic {@code adapter-boundaries}, and the boundary that it gives a loaded
 * adapter. Depends on the JSON conventions of {@code io.tidemark.message}. Start reading at
 * {@link io.tidemark.boundary.BoundaryRecord}, then {@link io.tidemark.boundary.AppliedBoundary}.
 */
package io.tidemark.boundary;
