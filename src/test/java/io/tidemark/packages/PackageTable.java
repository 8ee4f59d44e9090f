package io.tidemark.packages;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads the table of packages in docs/architecture.md. */
final class PackageTable {

    private static final Pattern ROW = Pattern.compile("(?m)^\\| `([\\w.]+)` \\|[^|]*\\| ([\\w., ]+) \\|$");

    private PackageTable() {}

    /** Each package with the packages that it may use, as names below {@code io.tidemark}. */
    static Map<String, Set<String>> in(Path document) throws IOException {
        Map<String, Set<String>> allowed = new HashMap<>();
        Matcher row = ROW.matcher(Files.readString(document));
        while (row.find()) {
            allowed.put(
                    row.group(1),
                    row.group(2).equals("nothing")
                            ? Set.of()
                            : Set.of(row.group(2).split(", ")));
        }
        return allowed;
    }
}
