package io.tidemark.grammar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.jna.ptr.LongByReference;
import io.tidemark.message.AnswerFormat;
import io.tidemark.tenant.TenantWeights;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("The compiler of formats")
class GrammarCompilerTest {

    @Test
    @DisplayName("Is available on this platform")
    void isAvailable() {
        assertThat(GrammarCompiler.isAvailable()).isTrue();
    }

    static List<Throwable> failuresOfTheLibrary() {
        return List.of(
                new AccessDeniedException("/tmp/tidemark-1-libtidemark_grammar.so"),
                new InvalidPathException("/a?b", "illegal character"),
                new UnsatisfiedLinkError("failed to map segment from shared object"),
                new NoClassDefFoundError("Could not initialize class com.sun.jna.Native"));
    }

    @ParameterizedTest
    @MethodSource("failuresOfTheLibrary")
    @DisplayName("Is unavailable with a reason, at each call, whatever the load of the library throws")
    void libraryFails(Throwable reason) {
        GrammarLibrary.Loading loading = GrammarLibrary.Loading.of(() -> {
            if (reason instanceof Error error) {
                throw error;
            }
            if (reason instanceof IOException e) {
                throw e;
            }
            throw (RuntimeException) reason;
        });
        for (int call = 0; call < 2; call++) {
            assertThatThrownBy(loading::get)
                    .isInstanceOf(GrammarUnavailableException.class)
                    .hasMessage("libtidemark_grammar.so can't be loaded: " + reason);
        }
        assertThat(loading.functions()).isEmpty();
    }

    @Test
    @DisplayName("Keeps grammars by their content, and finds no others")
    void caches() throws GrammarException {
        try (Formats formats = Formats.of(Tokenizers.BYTE_LEVEL)) {
            GrammarCompiler compiler = formats.compiler();
            assertThat(compiler.find(new AnswerFormat.Regex("a+"), "")).isEmpty();
            CompiledGrammar grammar = compiler.compile(new AnswerFormat.Regex("a+"));
            assertThat(isSame(compiler.compile(new AnswerFormat.Regex(new String("a+"))), grammar))
                    .isTrue();
            assertThat(isSame(compiler.find(new AnswerFormat.Regex("a+"), "").orElseThrow(), grammar))
                    .isTrue();
            assertThat(compiler.find(new AnswerFormat.OneOfTexts(List.of("a+")), ""))
                    .isEmpty();
            assertThat(grammar.bytes()).isBetween(1_000L, 10_000_000L);
        }
    }

    @Test
    @DisplayName("Frees the grammars that were not used for the longest time when the memory of all exceeds the budget")
    void evicts() throws GrammarException {
        long bytes = bytesOf(new AnswerFormat.Regex("a{1,10}"));
        GrammarLimits limits = limits(2 * bytes + 1000, 4 * bytes);
        try (Formats formats = new Formats(Tokenizers.BYTE_LEVEL, 450, limits)) {
            AnswerFormat used = new AnswerFormat.Regex("a{1,10}");
            CompiledGrammar kept = formats.compile(used);
            kept.close();
            for (int i = 11; i < 20; i++) {
                formats.compile(new AnswerFormat.Regex("a{1," + i + "}")).close();
                CompiledGrammar again = formats.compiler().find(used, "").orElseThrow();
                again.close();
                assertThat(formats.compiler().usedBytes()).isLessThanOrEqualTo(4 * bytes);
            }
            assertThat(formats.compiler().find(new AnswerFormat.Regex("a{1,11}"), ""))
                    .isEmpty();
            assertThat(formats.compiler().find(new AnswerFormat.Regex("a{1,19}"), ""))
                    .isPresent();
        }
    }

    @Test
    @DisplayName("Refuses a format while others in use have the memory of all, and frees it without the collector")
    void refusesWhenBusy() throws GrammarException {
        long bytes = bytesOf(new AnswerFormat.Regex("a{1,10}"));
        try (Formats formats = new Formats(Tokenizers.BYTE_LEVEL, 450, limits(3 * bytes, 10 * bytes))) {
            List<GrammarState> states = new ArrayList<>();
            GrammarException refusal = null;
            for (int i = 10; refusal == null; i++) {
                assertThat(i).isLessThan(30);
                try (CompiledGrammar grammar = formats.compiler().compile(new AnswerFormat.Regex("a{1," + i + "}"))) {
                    states.add(grammar.start());
                } catch (GrammarException e) {
                    refusal = e;
                }
            }
            assertThat(refusal.code()).isEqualTo(GrammarException.BUSY);
            assertThat(refusal.isOfServer()).isTrue();
            assertThat(states).hasSizeGreaterThan(4);
            assertThat(formats.compiler().usedBytes()).isBetween(5 * bytes, 10 * bytes);
            // what is in use stays usable, and is found
            assertThat(formats.next(states.get(0), -1)).isEqualTo(RowStatus.OK);
            formats.compiler().compile(new AnswerFormat.Regex("a{1,10}")).close();
            // the first sequence that ends makes room
            states.get(0).close();
            states.get(1).close();
            formats.compile(new AnswerFormat.Regex("b{1,10}")).close();
            states.forEach(GrammarState::close);
            formats.compiler().close();
            assertThat(formats.compiler().usedBytes()).isZero();
        }
    }

    @Test
    @DisplayName("Keeps a part of the memory for tenants that hold less than their share of it")
    void sharesOfTenants() throws GrammarException {
        long bytes = bytesOf(new AnswerFormat.Regex("a{1,10}"));
        TokenBytes vocabulary = TokenBytes.read(Tokenizers.BYTE_LEVEL, 450, Set.of(Formats.END));
        TenantWeights weights = new TenantWeights(
                List.of(List.of(
                        new TenantWeights.WeightedTopic(1000, Map.of("flood", 1)),
                        new TenantWeights.WeightedTopic(1, Map.of("quiet", 1)),
                        new TenantWeights.WeightedTopic(1, Map.of("third", 1)))),
                0);
        List<CompiledGrammar> held = new ArrayList<>();
        // all formats have at most 15 times the bytes of one, and the last quarter has 3.75 of these
        try (GrammarCompiler compiler =
                GrammarCompiler.open(GrammarLibrary.functions(), vocabulary, limits(3 * bytes, 20 * bytes), weights)) {
            compiler.compile(new AnswerFormat.Regex("k{1,10}"), "flood").close();
            GrammarException refusal = null;
            for (int i = 10; refusal == null; i++) {
                assertThat(i).isLessThan(40);
                try {
                    held.add(compiler.compile(new AnswerFormat.Regex("a{1," + i + "}"), "flood"));
                } catch (GrammarException e) {
                    refusal = e;
                }
            }
            assertThat(refusal.code()).isEqualTo(GrammarException.BUSY);
            // formats that are kept and not in use would be in use, too
            assertThat(compiler.find(new AnswerFormat.Regex("k{1,10}"), "flood"))
                    .isEmpty();
            assertThat(compiler.find(new AnswerFormat.Regex("k{1,10}"), "quiet"))
                    .isPresent()
                    .get()
                    .satisfies(CompiledGrammar::close);
            held.add(compiler.compile(new AnswerFormat.Regex("b{1,10}"), "quiet"));
            held.add(compiler.compile(new AnswerFormat.Regex("c{1,10}"), "third"));
            assertThatThrownBy(() -> compiler.compile(new AnswerFormat.Regex("d{1,10}"), "quiet"))
                    .isInstanceOf(GrammarException.class);
            // a format in use needs no memory
            held.add(compiler.compile(new AnswerFormat.Regex("a{1,10}"), "quiet"));
            for (int i = 0; i < 8; i++) {
                held.remove(0).close();
            }
            held.add(compiler.compile(new AnswerFormat.Regex("d{1,10}"), "quiet"));
        } finally {
            held.forEach(CompiledGrammar::close);
        }
    }

    @Test
    @DisplayName("Compiles a format while another grammar is being freed, whose memory is not counted any more")
    void countsNoGrammarThatIsBeingFreed() throws Exception {
        CountDownLatch inCall = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        GrammarLibrary.Functions blocking = intercepted("tidemark_grammar_free", proceed -> {
            inCall.countDown();
            goOn.await();
            return proceed.call();
        });
        long bytes = bytesOf(new AnswerFormat.Regex("a{1,10}"));
        TokenBytes vocabulary = TokenBytes.read(Tokenizers.BYTE_LEVEL, 450, Set.of(Formats.END));
        ExecutorService executor = Executors.newSingleThreadExecutor();
        // a format is compiled while all others have at most 2.6 times the bytes of one
        try (GrammarCompiler compiler =
                GrammarCompiler.open(blocking, vocabulary, limits(3 * bytes, 7 * bytes / 2), TenantWeights.EQUAL)) {
            compiler.compile(new AnswerFormat.Regex("a{1,10}")).close();
            try (CompiledGrammar second = compiler.compile(new AnswerFormat.Regex("b{1,10}"));
                    CompiledGrammar third = compiler.compile(new AnswerFormat.Regex("c{1,10}"))) {
                Future<CompiledGrammar> freeing =
                        executor.submit(() -> compiler.compile(new AnswerFormat.Regex("d{1,10}")));
                inCall.await();
                assertThat(compiler.find(new AnswerFormat.Regex("a{1,10}"), "")).isEmpty();
                assertThat(compiler.usedBytes()).isGreaterThan(second.bytes() + third.bytes());
                try (CompiledGrammar other = compiler.compile(new AnswerFormat.Regex("e{1,10}"))) {
                    assertThat(other.bytes()).isPositive();
                } finally {
                    goOn.countDown();
                }
                assertThat(freeing.get().bytes()).isPositive();
            }
        } finally {
            executor.shutdownNow();
        }
    }

    @Test
    @DisplayName("Frees a grammar with its last owner and state, in any order, and never twice")
    void freesWithTheLastReference() throws GrammarException {
        // nothing is kept
        try (Formats formats = new Formats(Tokenizers.BYTE_LEVEL, 450, limits(16 << 20, 0))) {
            AnswerFormat format = new AnswerFormat.Regex("[ab]{2}");
            CompiledGrammar first = formats.compile(format);
            CompiledGrammar second = formats.compiler().find(format, "").orElseThrow();
            GrammarState state = second.start();
            first.close();
            first.close();
            assertThatThrownBy(first::start).isInstanceOf(IllegalStateException.class);
            assertThat(first.bytes()).isZero();
            assertThat(formats.compiler().usedBytes()).isPositive();
            second.close();
            assertThat(formats.next(state, -1)).isEqualTo(RowStatus.OK);
            assertThat(formats.compiler().usedBytes()).isPositive();
            state.close();
            state.close();
            assertThat(formats.compiler().usedBytes()).isZero();
            assertThat(formats.compiler().find(format, "")).isEmpty();
        }
    }

    @Test
    @DisplayName("Finds formats while another one is compiled")
    void doesNotWait() throws Exception {
        CountDownLatch inCall = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        GrammarLibrary.Functions blocking = intercepted("tidemark_grammar_compile", proceed -> {
            inCall.countDown();
            goOn.await();
            return proceed.call();
        });
        TokenBytes vocabulary = TokenBytes.read(Tokenizers.BYTE_LEVEL, 450, Set.of(Formats.END));
        ExecutorService executor = Executors.newSingleThreadExecutor();
        try (GrammarCompiler compiler =
                GrammarCompiler.open(blocking, vocabulary, GrammarLimits.DEFAULT, TenantWeights.EQUAL)) {
            Future<CompiledGrammar> compiled = executor.submit(() -> compiler.compile(new AnswerFormat.Regex("a")));
            inCall.await();
            assertThat(compiler.find(new AnswerFormat.Regex("a"), "")).isEmpty();
            assertThat(compiler.find(new AnswerFormat.Regex("b"), "")).isEmpty();
            assertThat(compiler.usedBytes()).isZero();
            goOn.countDown();
            assertThat(compiled.get().bytes()).isPositive();
        } finally {
            executor.shutdownNow();
        }
    }

    @Test
    @DisplayName("Reports a failure of its own as a fault of the server")
    void ownFailure() {
        GrammarLibrary.Functions failing = intercepted("tidemark_grammar_compile", proceed -> 4);
        TokenBytes vocabulary = TokenBytes.read(Tokenizers.BYTE_LEVEL, 450, Set.of(Formats.END));
        try (GrammarCompiler compiler =
                GrammarCompiler.open(failing, vocabulary, GrammarLimits.DEFAULT, TenantWeights.EQUAL)) {
            assertThatThrownBy(() -> compiler.compile(new AnswerFormat.Regex("a")))
                    .isInstanceOfSatisfying(GrammarException.class, e -> {
                        assertThat(e.code()).isEqualTo(GrammarException.FAILED);
                        assertThat(e.isOfServer()).isTrue();
                    });
        }
    }

    /** The native library with one function replaced. */
    private static GrammarLibrary.Functions intercepted(String function, Interception interception) {
        GrammarLibrary.Functions functions = GrammarLibrary.functions();
        return (GrammarLibrary.Functions) Proxy.newProxyInstance(
                GrammarLibrary.Functions.class.getClassLoader(),
                new Class<?>[] {GrammarLibrary.Functions.class},
                (proxy, method, arguments) -> method.getName().equals(function)
                        ? interception.call(() -> method.invoke(functions, arguments))
                        : method.invoke(functions, arguments));
    }

    private interface Interception {
        Object call(Callable<Object> proceed) throws Exception;
    }

    private static boolean isSame(CompiledGrammar one, CompiledGrammar other) {
        return ((NativeGrammar) one).isSame((NativeGrammar) other);
    }

    private static GrammarLimits limits(long grammarBytes, long cacheBytes) {
        return new GrammarLimits(1000, Duration.ofMillis(100), grammarBytes, Duration.ofMillis(10), cacheBytes);
    }

    private static long bytesOf(AnswerFormat format) {
        try (Formats formats = Formats.of(Tokenizers.BYTE_LEVEL);
                CompiledGrammar grammar = formats.compile(format)) {
            return grammar.bytes();
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
                {
                    "{\"multipleOf\":100000,\"anyOf\":[{},{\"multipleOf\":100000}]}",
                    "'multipleOf' at #/properties/a/items is not supported"
                },
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
    @DisplayName("Says what to do about a grammar at which llguidance fails, and blames the request")
    void saysWhatToDo() {
        String nested = IntStream.range(0, 256)
                .mapToObj("%%lark { start: \"a\"\n %%ignore \"x%d\"\n } "::formatted)
                .collect(Collectors.joining());
        try (Formats formats = Formats.of(Tokenizers.BYTE_LEVEL)) {
            for (String[] each : new String[][] {
                {nested, "give them the same, or send fewer"},
                {"%regex {\"substring_chunks\": [\"a\", \"\"]}", "remove that text"},
            }) {
                GrammarException refusal = formats.refusal(new AnswerFormat.Grammar("start: " + each[0]))
                        .orElseThrow();
                assertThat(refusal.code()).isEqualTo(GrammarException.UNSUPPORTED);
                assertThat(refusal.getMessage()).contains(each[1]);
            }
        }
    }

    @Test
    @DisplayName("Enforces keywords on both sides of 'allOf' together")
    void keepsKeywordsTogether() {
        String draft7 = "\"$schema\":\"http://json-schema.org/draft-07/schema#\"";
        try (Formats formats = Formats.of(Tokenizers.BYTE_LEVEL)) {
            for (String[] each : new String[][] {
                {
                    "{" + draft7
                            + ",\"items\":[{\"type\":\"null\"}],\"allOf\":[{}],\"additionalItems\":{\"type\":\"boolean\"}}",
                    "[null,true]",
                    "[null,null]"
                },
                {"{\"prefixItems\":[{\"type\":\"null\"}],\"additionalItems\":false}", "[null,1]", "[1]"},
                {
                    "{\"patternProperties\":{\"^a\":{}},\"allOf\":[{}],\"additionalProperties\":false}",
                    "{\"a\":1}",
                    "{\"b\":1}"
                },
            }) {
                try (CompiledGrammar grammar = formats.compile(new AnswerFormat.JsonSchema(each[0]))) {
                    assertThat(formats.accepts(grammar, each[1])).as(each[0]).isTrue();
                    assertThat(formats.accepts(grammar, each[2])).as(each[0]).isFalse();
                }
            }
        }
    }

    @Test
    @DisplayName("Has native functions that refuse lengths which do not fit")
    void refusesLengths() {
        GrammarLibrary.Functions functions = GrammarLibrary.functions();
        int internal = 4;
        LongByReference out = new LongByReference();
        byte[] message = new byte[200];
        assertThat(functions.tidemark_tokenizer_new(
                        2, new int[] {1, 2}, new byte[2], 2, null, null, 0, 1, new int[] {1}, out, message, 200))
                .isEqualTo(internal);
        assertThat(GrammarLibrary.text(message, 0, 200)).isEqualTo("the lengths of the tokens exceed their bytes");
        assertThat(functions.tidemark_state_new(0, out, message, 200)).isEqualTo(internal);
        assertThat(functions.tidemark_states_advance(
                        1, new long[1], new int[1], Formats.buffer(450), 14, 15, new int[1], new byte[200], 200))
                .isEqualTo(internal);
        assertThat(out.getValue()).isZero();
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
                        formats.compiler()
                                .compile(new AnswerFormat.Regex("own" + own + "-" + of))
                                .close();
                        return formats.compiler().compile(new AnswerFormat.Regex("same" + of + "[a-z]{1,50}"));
                    });
                }
                List<CompiledGrammar> grammars = new ArrayList<>();
                for (Future<CompiledGrammar> result : executor.invokeAll(calls)) {
                    grammars.add(result.get());
                }
                assertThat(grammars).hasSize(threads).allMatch(each -> isSame(each, grammars.get(0)));
                grammars.forEach(CompiledGrammar::close);
            }
        } finally {
            executor.shutdownNow();
        }
    }

    @Test
    @DisplayName("Has flat memory over many grammars and sequences, without a collection")
    void memoryIsFlat() throws Exception {
        int count = Integer.getInteger("tidemark.test.grammars", 1500);
        GrammarLimits limits =
                new GrammarLimits(64 << 10, Duration.ofMillis(100), 16 << 20, Duration.ofMillis(10), 16 << 20);
        try (Formats formats = new Formats(Tokenizers.BYTE_LEVEL, 450, limits)) {
            grow(formats, 0, 500);
            long before = residentBytes();
            int parts = 10;
            for (int part = 0; part < parts; part++) {
                grow(formats, 500 + count / parts * part, count / parts);
                assertThat(formats.compiler().usedBytes()).isLessThanOrEqualTo(limits.cacheBytes());
                System.out.println(count / parts * (part + 1) + " grammars: "
                        + formats.compiler().usedBytes() + " native bytes, " + residentBytes() + " resident bytes");
            }
            System.gc();
            long after = residentBytes();
            System.out.println(count + " grammars: " + before + " bytes, then " + after);
            assertThat(after - before).isLessThan(64L << 20);
        }
    }

    private static void grow(Formats formats, int from, int count) {
        for (int i = from; i < from + count; i++) {
            try (CompiledGrammar grammar =
                            formats.compile(new AnswerFormat.JsonSchema("{\"type\":\"object\",\"properties\":{\"k" + i
                                    + "\":{\"type\":\"string\",\"pattern\":\"^[a-z]{1," + (i % 100 + 1)
                                    + "}$\"},\"n\":{\"type\":\"array\",\"items\":{\"type\":\"number\"}}}}"));
                    GrammarState state = grammar.start()) {
                int last = -1;
                for (int step = 0; step < 5 && last != Formats.END; step++) {
                    formats.next(state, last);
                    last = formats.allowed().get(0);
                }
            }
        }
    }

    @Test
    @DisplayName("Frees what its owners have lost when the collector finds it")
    void lostReferences() throws Exception {
        try (Formats formats = new Formats(Tokenizers.BYTE_LEVEL, 450, limits(16 << 20, 0))) {
            lose(formats);
            for (int i = 0; formats.compiler().usedBytes() > 0; i++) {
                assertThat(i).as("collections").isLessThan(200);
                System.gc();
                Thread.onSpinWait();
            }
        }
    }

    private static void lose(Formats formats) {
        formats.compile(new AnswerFormat.Regex("a+")).start();
        assertThat(formats.compiler().usedBytes()).isPositive();
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
