package io.tidemark.grammar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.message.AnswerFormat;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The compiler of formats")
class GrammarCompilerTest {

    @Test
    @DisplayName("Is available on this platform")
    void isAvailable() {
        assertThat(GrammarCompiler.isAvailable()).isTrue();
    }

    @Test
    @DisplayName("Loads no library that has not the digest of the resource")
    void checksDigest() throws IOException {
        String folder = "/native/linux-x86_64/libtidemark_grammar.so";
        try (InputStream library = GrammarLibrary.class.getResourceAsStream(folder);
                InputStream digest = GrammarLibrary.class.getResourceAsStream(folder + ".sha256");
                InputStream licences = GrammarLibrary.class.getResourceAsStream(folder + ".licences.txt")) {
            byte[] bytes = library.readAllBytes();
            String expected = new String(digest.readAllBytes(), StandardCharsets.US_ASCII).split(" ")[0];
            GrammarLibrary.verify(bytes, expected, "the resource");
            bytes[1000] ^= 1;
            assertThatThrownBy(() -> GrammarLibrary.verify(bytes, expected, "the file"))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("the file has not the digest");
            assertThat(new String(licences.readAllBytes(), StandardCharsets.UTF_8))
                    .contains("llguidance 1.9.1: MIT");
        }
    }

    @Test
    @DisplayName("Keeps grammars by their content, and finds no others")
    void caches() throws GrammarException {
        try (Formats formats = Formats.of(Tokenizers.BYTE_LEVEL)) {
            GrammarCompiler compiler = formats.compiler();
            assertThat(compiler.find(new AnswerFormat.Regex("a+"))).isEmpty();
            CompiledGrammar grammar = compiler.compile(new AnswerFormat.Regex("a+"));
            assertThat(compiler.compile(new AnswerFormat.Regex(new String("a+"))))
                    .isSameAs(grammar);
            assertThat(compiler.find(new AnswerFormat.Regex("a+"))).containsSame(grammar);
            assertThat(compiler.find(new AnswerFormat.Choice(List.of("a+")))).isEmpty();
            assertThat(grammar.bytes()).isBetween(1_000L, 10_000_000L);
        }
    }

    @Test
    @DisplayName("Lets go of the grammars that were not used for the longest time when their bytes exceed the budget")
    void evicts() throws GrammarException {
        long bytes;
        try (Formats formats = Formats.of(Tokenizers.BYTE_LEVEL)) {
            bytes = formats.compile(new AnswerFormat.Regex("a{1,10}")).bytes();
        }
        GrammarLimits limits =
                new GrammarLimits(1000, Duration.ofMillis(100), 16 << 20, Duration.ofMillis(10), 4 * bytes);
        try (Formats formats = new Formats(Tokenizers.BYTE_LEVEL, 450, limits)) {
            AnswerFormat used = new AnswerFormat.Regex("a{1,10}");
            CompiledGrammar kept = formats.compile(used);
            for (int i = 11; i < 20; i++) {
                formats.compile(new AnswerFormat.Regex("a{1," + i + "}"));
                assertThat(formats.compile(used)).isSameAs(kept);
            }
            assertThat(formats.compiler().find(new AnswerFormat.Regex("a{1,11}")))
                    .isEmpty();
            assertThat(formats.compiler().find(new AnswerFormat.Regex("a{1,19}")))
                    .isPresent();
        }
    }

    @Test
    @DisplayName("Names keyword and path of what a schema needs and is not supported")
    void namesKeywordAndPath() {
        try (Formats formats = Formats.of(Tokenizers.BYTE_LEVEL)) {
            String inner = "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"items\":%s}}}";
            for (String[] each : new String[][] {
                {"{\"not\":{\"type\":\"null\"}}", "'not' at #/properties/a/items is not supported"},
                {"{\"uniqueItems\":true}", "'uniqueItems' at #/properties/a/items is not supported"},
                {"{\"format\":\"iri\"}", "'format' at #/properties/a/items is not supported: no format 'iri'"},
                {"{\"oneOf\":[{\"minimum\":1},{\"maximum\":5}]}", "#/properties/a/items"},
                {"{\"pattern\":\"(?!a)\"}", "'pattern' at #/properties/a/items"},
            }) {
                GrammarException refusal = formats.refusal(new AnswerFormat.JsonSchema(inner.formatted(each[0])))
                        .orElseThrow();
                assertThat(refusal.code()).isEqualTo(GrammarException.UNSUPPORTED);
                assertThat(refusal.getMessage()).contains(each[1]);
            }
            assertThatThrownBy(() -> formats.compiler().compile(new AnswerFormat.FreeText()))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    @DisplayName("Compiles an equal format once for callers at the same time, and others side by side")
    void compilesConcurrently() throws Exception {
        int threads = 4;
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        try (Formats formats = Formats.of(Tokenizers.BYTE_LEVEL)) {
            for (int round = 0; round < 25; round++) {
                int of = round;
                CyclicBarrier barrier = new CyclicBarrier(threads);
                List<Callable<CompiledGrammar>> calls = new ArrayList<>();
                for (int thread = 0; thread < threads; thread++) {
                    int own = thread;
                    calls.add(() -> {
                        barrier.await();
                        formats.compiler().compile(new AnswerFormat.Regex("own" + own + "-" + of));
                        return formats.compiler().compile(new AnswerFormat.Regex("same" + of + "[a-z]{1,50}"));
                    });
                }
                Set<CompiledGrammar> grammars = new HashSet<>();
                for (Future<CompiledGrammar> result : executor.invokeAll(calls)) {
                    grammars.add(result.get());
                }
                assertThat(grammars).hasSize(1);
            }
        } finally {
            executor.shutdownNow();
        }
    }

    @Test
    @DisplayName("Has flat memory over many grammars and sequences")
    void memoryIsFlat() throws Exception {
        int count = Integer.getInteger("tidemark.test.grammars", 1500);
        GrammarLimits limits =
                new GrammarLimits(64 << 10, Duration.ofMillis(100), 16 << 20, Duration.ofMillis(10), 16 << 20);
        try (Formats formats = new Formats(Tokenizers.BYTE_LEVEL, 450, limits)) {
            grow(formats, 0, 500);
            System.gc();
            long before = residentBytes();
            grow(formats, 500, count);
            System.gc();
            long after = residentBytes();
            System.out.println(count + " grammars: " + before + " bytes, then " + after);
            assertThat(after - before).isLessThan(64L << 20);
        }
    }

    private static void grow(Formats formats, int from, int count) {
        for (int i = from; i < from + count; i++) {
            CompiledGrammar grammar =
                    formats.compile(new AnswerFormat.JsonSchema("{\"type\":\"object\",\"properties\":{\"k"
                            + i + "\":{\"type\":\"string\",\"pattern\":\"^[a-z]{1," + (i % 100 + 1)
                            + "}$\"},\"n\":{\"type\":\"array\",\"items\":{\"type\":\"number\"}}}}"));
            GrammarState state = grammar.start();
            int last = -1;
            for (int step = 0; step < 5; step++) {
                formats.next(state, last);
                last = formats.allowed().get(0);
                if (last == Formats.END) {
                    break;
                }
            }
            if (i % 2 == 0) {
                state.close(); // the others are left to the collector
            }
        }
    }

    private static long residentBytes() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("RssAnon:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
            }
        }
        throw new IOException("no RssAnon");
    }
}
