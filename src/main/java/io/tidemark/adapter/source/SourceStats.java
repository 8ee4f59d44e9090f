package io.tidemark.adapter.source;

/**
 * What the cache folder holds and what this process has downloaded so far. Running, completed and failed downloads are
 * those of this process; bytes and folders are those of the whole cache, also from other processes.
 *
 * @param cachedBytes size of the files in the cache folder, without partial ones
 * @param downloaded downloads that have ended with the right digest
 * @param failed downloads that have ended with an exception, each counted once however often it was repeated
 * @param downloadedBytes received from sources, also by downloads that failed
 * @param evictions folders that this process has removed from the cache to make room
 * @param downloadNanos time of the attempts to download, without the waits between them
 */
public record SourceStats(
        long cachedBytes,
        long cachedFolders,
        long downloaded,
        long failed,
        long running,
        long downloadedBytes,
        long evictions,
        long downloadNanos) {}
