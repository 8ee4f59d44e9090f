package io.tidemark.cli.file;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.OptionalInt;

/**
 * The ids of lines without an id of their own, {@code NAME:DIGEST:LINE}: the name of the file, the first 8 hex digits
 * of the SHA-256 of its absolute path, and the number of the line. A second run gives a line the same id. Two files of
 * one name in different folders have different ids.
 *
 * @param prefix all but the number
 */
record LineIds(String prefix) {

    private static final int MAX_NAME = 100;
    private static final int DIGEST_BYTES = 4;

    /** The ids for a file. */
    static LineIds of(Path file) {
        return of(
                file.getFileName().toString(), file.toAbsolutePath().normalize().toString());
    }

    /** The ids for stdin: another output has other ids. */
    static LineIds ofStdin(String output) {
        return of("stdin", output);
    }

    private static LineIds of(String name, String place) {
        byte[] digest = ByteLines.sha256().digest(place.getBytes(StandardCharsets.UTF_8));
        // the service refuses ids that are no Unicode, as names of files may be
        String readable = name.replaceAll("[^\\p{Alnum}._-]", "_");
        return new LineIds(readable.substring(Math.max(0, readable.length() - MAX_NAME)) + ":"
                + HexFormat.of().formatHex(digest, 0, DIGEST_BYTES) + ":");
    }

    String id(long line) {
        return prefix + line;
    }

    /** The number of the line that has this id, if it is one of these ids. */
    OptionalInt line(String id) {
        String number = id.startsWith(prefix) ? id.substring(prefix.length()) : "";
        return number.matches("[1-9][0-9]{0,8}") ? OptionalInt.of(Integer.parseInt(number)) : OptionalInt.empty();
    }
}
