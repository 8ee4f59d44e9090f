package io.tidemark.torch;

import com.sun.jna.Function;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/** The heap of the C library, from which libtorch allocates. */
final class NativeHeap {

    private static final Path MAPPINGS = Path.of("/proc/self/maps");
    /** Maximum size of the heap of a glibc arena, which starts at a multiple of this size. */
    private static final long ARENA_BYTES = 64L << 20;

    private static final long HUGE_PAGE_BYTES = 2L << 20;
    private static final long PAGE_BYTES = 4096;
    /** {@code madvise}'s {@code MADV_HUGEPAGE} and, since Linux 6.1, {@code MADV_COLLAPSE}. */
    private static final int USE_HUGE_PAGES = 14;

    private static final int COLLAPSE = 25;

    /** Anonymous writable memory without a name. */
    private static final Pattern MAPPING = Pattern.compile("([0-9a-f]+)-([0-9a-f]+) rw-p \\S+ \\S+ 0\\s*");

    private NativeHeap() {}

    /**
     * Returns freed memory to the operating system if the C library supports it (glibc). Loading a model frees much
     * memory, since the weights exist in several formats while they are converted.
     */
    static void trim() {
        try {
            Function.getFunction("c", "malloc_trim").invokeInt(new Object[] {0L});
        } catch (UnsatisfiedLinkError e) {
            System.getLogger(NativeHeap.class.getName())
                    .log(System.Logger.Level.DEBUG, "freed memory could not be returned to the system", e);
        }
    }

    /**
     * Moves the heaps of glibc's arenas to huge pages of 2 MiB if {@code GLIBC_TUNABLES} contains
     * {@code glibc.malloc.hugetlb=1}. glibc requests huge pages for its main heap and for large allocations only, but
     * threads other than the main thread allocate from arenas. A range of 2 MiB of which less than three quarters are
     * resident keeps small pages. Failures are ignored: without huge pages, steps are slower.
     */
    static void useHugePages() {
        if (!Optional.ofNullable(System.getenv("GLIBC_TUNABLES")).orElse("").contains("glibc.malloc.hugetlb=1")) {
            return;
        }
        try {
            Function incore = Function.getFunction("c", "mincore");
            Function advise = Function.getFunction("c", "madvise");
            for (Arena arena : arenas(Files.readAllLines(MAPPINGS))) {
                byte[] resident = new byte[Math.toIntExact(arena.bytes() / PAGE_BYTES)];
                if (incore.invokeInt(new Object[] {new Pointer(arena.start()), arena.bytes(), resident}) == 0) {
                    for (long offset : filled(resident)) {
                        Pointer range = new Pointer(arena.start() + offset);
                        advise.invokeInt(new Object[] {range, HUGE_PAGE_BYTES, USE_HUGE_PAGES});
                        advise.invokeInt(new Object[] {range, HUGE_PAGE_BYTES, COLLAPSE});
                    }
                }
            }
        } catch (IOException | UnsatisfiedLinkError e) {
            System.getLogger(NativeHeap.class.getName())
                    .log(System.Logger.Level.DEBUG, "the heaps of arenas keep small pages", e);
        }
    }

    /** The used part of an arena's heap, in whole pages of 2 MiB. */
    record Arena(long start, long bytes) {}

    /** @param maps the lines of {@code /proc/self/maps} */
    static List<Arena> arenas(List<String> maps) {
        return maps.stream()
                .map(MAPPING::matcher)
                .filter(Matcher::matches)
                .map(mapping -> {
                    long start = Long.parseUnsignedLong(mapping.group(1), 16);
                    return new Arena(
                            start,
                            (Long.parseUnsignedLong(mapping.group(2), 16) - start) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES);
                })
                .filter(arena -> arena.start() % ARENA_BYTES == 0 && arena.bytes() > 0 && arena.bytes() <= ARENA_BYTES)
                .toList();
    }

    /**
     * The offsets of the ranges of 2 MiB of which at least three quarters are resident.
     *
     * @param resident an odd number for each resident page of an arena
     */
    static List<Long> filled(byte[] resident) {
        int pages = (int) (HUGE_PAGE_BYTES / PAGE_BYTES);
        return IntStream.range(0, resident.length / pages)
                .filter(range -> IntStream.range(range * pages, (range + 1) * pages)
                                .filter(page -> (resident[page] & 1) != 0)
                                .count()
                        >= pages * 3 / 4)
                .mapToObj(range -> range * HUGE_PAGE_BYTES)
                .toList();
    }
}
