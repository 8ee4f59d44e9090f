/**
 * The native libraries of {@code native/}, which are resources with their digests: checks and loads one of them through
 * JNA. Depends on no other package of the project. It is {@link io.tidemark.library.LibraryResource} alone.
 */
package io.tidemark.library;
