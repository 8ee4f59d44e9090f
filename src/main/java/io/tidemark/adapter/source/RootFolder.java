package io.tidemark.adapter.source;

import io.tidemark.adapter.source.SourceException.Failure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The folder below which {@code file:} sources are. A source is served where it is, if it and its files are below the
 * root after all links are resolved. Thread-safe.
 *
 * @param maxBytes largest size of an adapter
 */
record RootFolder(Optional<Path> root, long maxBytes, AdapterFiles files) {

    /** @throws SourceException if the source has no adapter below the root, or if it has another digest */
    HeldFolder hold(AdapterSource source, Optional<String> digest) {
        Path top = root.orElseThrow(() -> new SourceException(
                Failure.NOT_ALLOWED,
                "source '" + source + "': set tidemark.sources.file-root to the folder that has the adapters"));
        try {
            Path named = path(top, source);
            if (!named.startsWith(top.toAbsolutePath()) && !named.startsWith(top.toRealPath())) {
                throw outside(source);
            }
            Path folder = below(top.toRealPath(), named, source);
            for (String name : AdapterFiles.NAMES) {
                regular(top.toRealPath(), folder, name, source);
            }
            long bytes = AdapterFiles.bytes(folder);
            if (bytes > maxBytes) {
                throw new SourceException(
                        Failure.TOO_LARGE,
                        "source '" + source + "' has " + bytes + " bytes, tidemark.sources.adapter-bytes allows "
                                + maxBytes);
            }
            String found = files.digest(folder);
            if (digest.isPresent() && !digest.get().equals(found)) {
                throw new SourceException(
                        Failure.WRONG_DIGEST,
                        "source '" + source + "' has the digest " + found + " instead of " + digest.get()
                                + "; its files were changed, or the record names another version");
            }
            return new HeldFolder(folder, found, bytes, () -> {});
        } catch (IOException e) {
            throw new SourceException(
                    e instanceof NoSuchFileException ? Failure.NOT_FOUND : Failure.UNREADABLE,
                    "source '" + source + "' can't be read: " + e + "; check the path and the rights of the process",
                    e);
        }
    }

    private static Path path(Path top, AdapterSource source) {
        String path = String.join("/", source.path());
        return source.isAbsoluteFile()
                ? Path.of("/" + path)
                : top.toAbsolutePath().resolve(path);
    }

    private static void regular(Path top, Path folder, String name, AdapterSource source) throws IOException {
        Path file = folder.resolve(name);
        if (!Files.exists(file)) {
            if (name.equals(AdapterFiles.WEIGHTS) && Files.exists(folder.resolve(AdapterFiles.PICKLE))) {
                throw AdapterFiles.onlyPickle(source);
            }
            throw new SourceException(
                    Failure.NOT_FOUND, "source '" + source + "' has no " + name + "; name the folder of an adapter");
        }
        // a pipe or a device would block the reader
        if (!Files.isRegularFile(below(top, file, source))) {
            throw new SourceException(Failure.UNREADABLE, "source '" + source + "': " + name + " is not a file");
        }
    }

    /** The path without links. */
    private static Path below(Path top, Path path, AdapterSource source) throws IOException {
        Path real;
        try {
            real = path.toRealPath();
        } catch (NoSuchFileException e) {
            throw new SourceException(
                    Failure.NOT_FOUND,
                    "source '" + source + "' does not exist below the folder of tidemark.sources.file-root; check the"
                            + " path",
                    e);
        }
        if (!real.startsWith(top)) {
            throw outside(source);
        }
        return real;
    }

    private static SourceException outside(AdapterSource source) {
        return new SourceException(
                Failure.OUTSIDE_ROOT,
                "source '" + source + "' leads out of the folder of tidemark.sources.file-root, itself or by a link;"
                        + " move the adapter below it");
    }
}
