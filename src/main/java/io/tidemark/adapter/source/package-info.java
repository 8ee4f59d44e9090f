/**
 * Where adapters are stored, and the folder in which their files are kept: sources in folders, in S3, on a hub and in
 * OCI registries, their downloads, and a cache folder that the processes of a machine share. Depends on no other
 * package. Start with {@link io.tidemark.adapter.source.AdapterFolders}, then {@code Transfer}, {@code Download} and
 * {@code CacheFolder}.
 */
package io.tidemark.adapter.source;
