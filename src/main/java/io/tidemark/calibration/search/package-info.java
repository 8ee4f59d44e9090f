/**
 * A search for the boundary that is chosen from a curve, which scores only some of the boundaries, and its comparison
 * with the sweep over all. Depends on {@code calibration.sweep} and {@code calibration.curve}. Start reading at
 * {@link io.tidemark.calibration.search.CoarseSearch}.
 */
package io.tidemark.calibration.search;
