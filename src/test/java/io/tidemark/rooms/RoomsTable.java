package io.tidemark.rooms;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The table of rooms, as it is written for people. */
final class RoomsTable {

    private static final Pattern ROW = Pattern.compile("(?m)^\\| `(\\w+)` \\|[^|]*\\| ([\\w, ]+) \\|$");

    private RoomsTable() {}

    /** Each room with those that it may know. */
    static Map<String, Set<String>> in(Path document) throws IOException {
        Map<String, Set<String>> knows = new HashMap<>();
        Matcher row = ROW.matcher(Files.readString(document));
        while (row.find()) {
            knows.put(
                    row.group(1),
                    row.group(2).equals("nothing")
                            ? Set.of()
                            : Set.of(row.group(2).split(", ")));
        }
        return knows;
    }
}
