/**
 * The boundary of an adapter, and the rules that say which boundary applies to a loaded adapter version. Depends on
 * nothing: records of topics are converted to its values in {@code io.tidemark.stream.tables}. Start reading at
 * {@link io.tidemark.boundary.Boundary}, then {@link io.tidemark.boundary.AppliedBoundary}.
 */
package io.tidemark.boundary;
