package io.tidemark.packaging;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A fenced code block of a document.
 *
 * @param line     the line of the document in which its first line is
 * @param language what stands behind the opening fence, or empty
 * @param above    the line before the opening fence, without blanks at its ends
 */
record CodeBlock(Path document, int line, String language, String above, String text) {

    private static final Pattern FENCE = Pattern.compile(" *```(.*)");

    /** The blocks of all documents that users read, in order. */
    static List<CodeBlock> ofDocuments() throws IOException {
        List<CodeBlock> blocks = new ArrayList<>();
        for (Path document : documents()) {
            blocks.addAll(of(document));
        }
        return blocks;
    }

    /** The documents that users and contributors read: all {@code .md} files of the project itself. */
    static List<Path> documents() throws IOException {
        List<Path> documents = new ArrayList<>();
        try (Stream<Path> files = Files.list(Path.of(""))) {
            files.filter(CodeBlock::isDocument).forEach(documents::add);
        }
        for (String folder : List.of("docs", "demo", "bench", "examples", "src/test/resources")) {
            try (Stream<Path> files = Files.walk(Path.of(folder))) {
                files.filter(CodeBlock::isDocument).forEach(documents::add);
            }
        }
        return documents.stream().sorted().toList();
    }

    /** Whether a file is a document, and not one of an installed package. */
    private static boolean isDocument(Path file) {
        String path = file.toString();
        return path.endsWith(".md") && !path.contains("node_modules") && !path.contains("/.");
    }

    private static List<CodeBlock> of(Path document) throws IOException {
        List<String> lines = Files.readAllLines(document);
        List<CodeBlock> blocks = new ArrayList<>();
        int begin = -1;
        for (int i = 0; i < lines.size(); i++) {
            Matcher fence = FENCE.matcher(lines.get(i));
            if (!fence.matches()) {
                continue;
            }
            if (begin < 0) {
                begin = i;
                continue;
            }
            Matcher opening = FENCE.matcher(lines.get(begin));
            if (!opening.matches()) {
                throw new IllegalStateException(document + ":" + begin);
            }
            blocks.add(new CodeBlock(
                    document,
                    begin + 2,
                    opening.group(1).strip(),
                    begin == 0 ? "" : lines.get(begin - 1).strip(),
                    String.join("\n", lines.subList(begin + 1, i)).stripIndent()));
            begin = -1;
        }
        return blocks;
    }

    /** The commands of the block, a backslash at the end of a line joins it with the next. */
    List<String> commands() {
        List<String> lines = text.replaceAll("\\\\\\R\\s*", " ").lines().toList();
        List<String> prompted =
                lines.stream().filter(line -> line.startsWith("$ ")).toList();
        return prompted.isEmpty()
                ? lines.stream().filter(line -> !line.isBlank()).toList()
                : prompted.stream().map(line -> line.substring(2)).toList();
    }

    /** Document and line, as editors understand it. */
    String place() {
        return document + ":" + line;
    }
}
