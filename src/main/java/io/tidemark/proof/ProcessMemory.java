package io.tidemark.proof;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/** What the system says of this process's memory. */
public final class ProcessMemory {

    private static final Path STATUS = Path.of("/proc/self/status");

    private ProcessMemory() {
    }

    /** Bytes of the process's own memory that are resident, mapped files not counted; empty where the system doesn't say. */
    public static OptionalLong ownBytes() {
        return kibibytes("RssAnon:");
    }

    /** Bytes that are resident, mapped files included. */
    public static OptionalLong residentBytes() {
        return kibibytes("VmRSS:");
    }

    private static OptionalLong kibibytes(String name) {
        try {
            return Files.readAllLines(STATUS).stream().filter(line -> line.startsWith(name))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024).findFirst();
        } catch (IOException e) {
            return OptionalLong.empty();
        }
    }
}
