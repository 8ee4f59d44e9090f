package io.tidemark.grammar;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Model folders with a tokenizer. */
final class Tokenizers {

    static final Path BYTE_LEVEL = Path.of("src/test/resources/tokenizers/byte-level");
    static final Path SENTENCEPIECE_BPE = Path.of("src/test/resources/tokenizers/sentencepiece-bpe");
    static final Path SENTENCEPIECE_UNIGRAM = Path.of("src/test/resources/tokenizers/sentencepiece-unigram");

    private Tokenizers() {}

    /** One of each kind. */
    static List<Path> kinds() {
        return List.of(BYTE_LEVEL, SENTENCEPIECE_BPE, SENTENCEPIECE_UNIGRAM);
    }

    /** Those of all reference models, the demo's, and the one in the folder that {@code TIDEMARK_SMOLLM2} names. */
    static List<Path> all() {
        Stream<Path> models = Stream.of(
                        Path.of("src/test/resources/models").toFile().listFiles())
                .map(file -> Path.of(file.getPath()))
                .sorted();
        Stream<Path> others = Stream.concat(Stream.of(Path.of("demo/model")), smolLm2());
        return Stream.of(kinds().stream(), models, others).flatMap(each -> each).toList();
    }

    private static Stream<Path> smolLm2() {
        String folder = System.getenv("TIDEMARK_SMOLLM2");
        return folder != null && Files.isRegularFile(Path.of(folder, "tokenizer.json"))
                ? Stream.of(Path.of(folder))
                : Stream.of();
    }
}
