/**
 * A line chart over layers, as SVG or as characters.
 * It knows nothing of Tidemark and takes no font or graphics library with it.
 * Start with {@link io.tidemark.proof.picture.Picture}.
 */
package io.tidemark.proof.picture;
