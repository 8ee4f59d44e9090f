/**
 * Line plots, as SVG or as characters. Depends on no other package and on no graphics library.
 * Start with {@link io.tidemark.plot.Plot}.
 */
package io.tidemark.plot;
