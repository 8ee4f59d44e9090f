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

/** The memory that libtorch takes from the C library. */
final class NativeHeap {

    private static final Path MAPPINGS = Path.of("/proc/self/maps");
    /** Where glibc puts the heap of an arena: at a multiple of its largest size. */
    private static final long ARENA_BYTES = 64L << 20;

    private static final long HUGE_PAGE_BYTES = 2L << 20;
    private static final long PAGE_BYTES = 4096;
    /** {@code madvise}'s {@code MADV_HUGEPAGE} and, since Linux 6.1, {@code MADV_COLLAPSE}. */
    private static final int USE_HUGE_PAGES = 14;

    private static final int COLLAPSE = 25;

    /** Memory of no file and without a name that may be written. */
    private static final Pattern MAPPING = Pattern.compile("([0-9a-f]+)-([0-9a-f]+) rw-p \\S+ \\S+ 0\\s*");

    private NativeHeap() {}

    /**
     * Gives what was freed back to the system, where the C library can (glibc). It keeps freed pieces for later by itself,
     * and a model leaves a lot of them: its weights are there in several forms while they are converted.
     */
    static void trim() {
        try {
            Function.getFunction("c", "malloc_trim").invokeInt(new Object[] {0L});
        } catch (UnsatisfiedLinkError e) {
            System.getLogger(NativeHeap.class.getName()).log(System.Logger.Level.DEBUG, "freed memory is kept", e);
        }
    }

    /**
     * Moves the heaps of glibc's arenas to huge pages of 2 MiB if {@code GLIBC_TUNABLES} contains {@code glibc.malloc.hugetlb=1}.
     * glibc requests huge pages for its main heap and for large allocations only, but threads other than the main thread allocate
     * from arenas. A range of 2 MiB of which less than three quarters are resident keeps small pages. Throws nothing: where the
     * system has no huge pages, the heaps stay as they are.
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
                        // Where the system can't, steps take longer and nothing else.
                        Pointer piece = new Pointer(arena.start() + offset);
                        advise.invokeInt(new Object[] {piece, HUGE_PAGE_BYTES, USE_HUGE_PAGES});
                        advise.invokeInt(new Object[] {piece, HUGE_PAGE_BYTES, COLLAPSE});
                    }
                }
            }
        } catch (IOException | UnsatisfiedLinkError e) {
            System.getLogger(NativeHeap.class.getName()).log(System.Logger.Level.DEBUG, "arenas keep small pages", e);
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
     * The places of those pieces of 2 MiB of which at least three quarters are in memory.
     *
     * @param resident for each page of an arena an odd number if it is
     */
    static List<Long> filled(byte[] resident) {
        int pages = (int) (HUGE_PAGE_BYTES / PAGE_BYTES);
        return IntStream.range(0, resident.length / pages)
                .filter(piece -> IntStream.range(piece * pages, (piece + 1) * pages)
                                .filter(page -> (resident[page] & 1) != 0)
                                .count()
                        >= pages * 3 / 4)
                .mapToObj(piece -> piece * HUGE_PAGE_BYTES)
                .toList();
    }
}
