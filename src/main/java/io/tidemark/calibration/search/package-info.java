/**
 * A search for the boundary that an objective chooses which scores only some of the boundaries, and its comparison with
 * the sweep over all. Depends on {@code calibration.sweep} and {@code calibration.curve}. Start reading at
 * {@link io.tidemark.calibration.search.CoarseSearch}.
 */
package io.tidemark.calibration.search;
