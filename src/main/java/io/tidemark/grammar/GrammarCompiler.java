package io.tidemark.grammar;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.jna.ptr.LongByReference;
import io.tidemark.message.AnswerFormat;
import java.io.ByteArrayOutputStream;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.IntFunction;

/**
 * Compiles formats for one tokenizer, and keeps the grammars that were used last. Thread-safe; a format is compiled on
 * the thread of its first caller, while other callers with an equal format wait for it.
 */
public final class GrammarCompiler implements AutoCloseable {

    private static final ObjectMapper JSON = new ObjectMapper();

    private static final int UNSUPPORTED = 1;
    private static final int TOO_LARGE = 2;
    private static final int TOO_SLOW = 3;
    private static final int MESSAGE_BYTES = 2000;

    private final GrammarLibrary.Functions functions;
    private final TokenBytes vocabulary;
    private final GrammarLimits limits;
    private final long tokenizer;

    private final Map<AnswerFormat, CompiledGrammar> cache = new LinkedHashMap<>(16, 0.75f, true);
    private final Map<AnswerFormat, CompletableFuture<CompiledGrammar>> running = new HashMap<>();
    private long uncollected;
    private boolean closed;

    private GrammarCompiler(
            GrammarLibrary.Functions functions, TokenBytes vocabulary, GrammarLimits limits, long tokenizer) {
        this.functions = functions;
        this.vocabulary = vocabulary;
        this.limits = limits;
        this.tokenizer = tokenizer;
        GrammarLibrary.CLEANER.register(this, () -> functions.tidemark_tokenizer_free(tokenizer));
    }

    /** @throws GrammarUnavailableException if there is no native library for this platform */
    public static GrammarCompiler open(TokenBytes vocabulary, GrammarLimits limits) {
        GrammarLibrary.Functions functions = GrammarLibrary.functions();
        int count = vocabulary.vocabulary();
        Flat later = Flat.of(count, vocabulary::later);
        Flat first = vocabulary.hasFirst() ? Flat.of(count, vocabulary::first) : new Flat(null, null);
        int[] ends = vocabulary.ends();
        LongByReference out = new LongByReference();
        byte[] message = new byte[MESSAGE_BYTES];
        int code = functions.tidemark_tokenizer_new(
                count,
                later.lengths(),
                later.bytes(),
                first.lengths(),
                first.bytes(),
                ends.length,
                ends,
                out,
                message,
                message.length);
        if (code != 0) {
            throw new GrammarUnavailableException("answers can't have a format with this tokenizer: "
                    + GrammarLibrary.text(message, 0, MESSAGE_BYTES));
        }
        return new GrammarCompiler(functions, vocabulary, limits, out.getValue());
    }

    /** Whether there is a native library for this platform. */
    public static boolean isAvailable() {
        return GrammarLibrary.isAvailable();
    }

    /** A cached grammar; never compiles. */
    public synchronized Optional<CompiledGrammar> find(AnswerFormat format) {
        return Optional.ofNullable(cache.get(format));
    }

    /**
     * Compiles a format, or takes it from the cache.
     *
     * @throws GrammarException         if the format is not supported, too large or too slow
     * @throws IllegalArgumentException if the format is free text
     * @throws IllegalStateException    if the compiler is closed
     */
    public CompiledGrammar compile(AnswerFormat format) throws GrammarException {
        CompletableFuture<CompiledGrammar> own = new CompletableFuture<>();
        CompletableFuture<CompiledGrammar> other;
        synchronized (this) {
            if (closed) {
                throw new IllegalStateException("the compiler is closed");
            }
            CompiledGrammar cached = cache.get(format);
            if (cached != null) {
                return cached;
            }
            other = running.putIfAbsent(format, own);
        }
        if (other != null) {
            return resultOf(other);
        }
        try {
            CompiledGrammar grammar = compileNatively(format);
            own.complete(grammar);
            keep(format, grammar);
            return grammar;
        } catch (GrammarException | RuntimeException | Error e) {
            own.completeExceptionally(e);
            throw e;
        } finally {
            synchronized (this) {
                running.remove(format);
            }
        }
    }

    private static CompiledGrammar resultOf(CompletableFuture<CompiledGrammar> other) throws GrammarException {
        try {
            return other.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof GrammarException refused) {
                throw new GrammarException(refused.code(), refused.getMessage());
            }
            throw e;
        }
    }

    private CompiledGrammar compileNatively(AnswerFormat format) throws GrammarException {
        byte[] text = textOf(format).getBytes(StandardCharsets.UTF_8);
        LongByReference out = new LongByReference();
        byte[] message = new byte[MESSAGE_BYTES];
        int code;
        try {
            code = functions.tidemark_grammar_compile(
                    tokenizer,
                    kindOf(format),
                    text,
                    text.length,
                    // quotes and commas of a choice are not the client's
                    limits.formatBytes() + Math.max(0, text.length - format.bytes()),
                    Math.max(1, limits.compileTime().toMillis()),
                    limits.grammarBytes(),
                    Math.max(1, limits.maskTime().toNanos() / 1000),
                    out,
                    message,
                    message.length);
        } finally {
            Reference.reachabilityFence(this);
        }
        String problem = GrammarLibrary.text(message, 0, MESSAGE_BYTES);
        switch (code) {
            case 0 -> {
                return new NativeGrammar(functions, out.getValue(), vocabulary.vocabulary());
            }
            case UNSUPPORTED -> throw new GrammarException(GrammarException.UNSUPPORTED, problem);
            case TOO_LARGE -> throw new GrammarException(GrammarException.TOO_LARGE, problem);
            case TOO_SLOW -> throw new GrammarException(GrammarException.TOO_SLOW, problem);
            default ->
                throw new GrammarException(
                        GrammarException.UNSUPPORTED, "the compiler of formats has failed: " + problem);
        }
    }

    /** Keeps a grammar, and lets go of those that were not used for the longest time. */
    private void keep(AnswerFormat format, CompiledGrammar grammar) {
        long bytes = grammar.bytes();
        boolean collect;
        synchronized (this) {
            if (!closed && bytes <= limits.cacheBytes()) {
                cache.put(format, grammar);
            }
            evict();
            uncollected += bytes;
            collect = uncollected > Math.max(limits.cacheBytes(), limits.grammarBytes());
            if (collect) {
                uncollected = 0;
            }
        }
        if (collect) {
            // The collector does not see native memory: without this, evicted grammars would pile up behind small
            // objects.
            System.gc();
        }
    }

    private void evict() {
        long kept = 0;
        for (Map.Entry<AnswerFormat, CompiledGrammar> each : cache.entrySet()) {
            kept += bytesOf(each);
        }
        Iterator<Map.Entry<AnswerFormat, CompiledGrammar>> eldest =
                cache.entrySet().iterator();
        while (kept > limits.cacheBytes() && eldest.hasNext()) {
            kept -= bytesOf(eldest.next());
            eldest.remove();
        }
    }

    private static long bytesOf(Map.Entry<AnswerFormat, CompiledGrammar> entry) {
        return entry.getValue().bytes() + entry.getKey().bytes();
    }

    private static int kindOf(AnswerFormat format) {
        if (format instanceof AnswerFormat.JsonObject || format instanceof AnswerFormat.JsonSchema) {
            return 0;
        }
        if (format instanceof AnswerFormat.Regex) {
            return 1;
        }
        return format instanceof AnswerFormat.Choice ? 2 : 3;
    }

    private static String textOf(AnswerFormat format) {
        if (format instanceof AnswerFormat.JsonObject) {
            return "{\"type\":\"object\"}";
        }
        if (format instanceof AnswerFormat.JsonSchema json) {
            return json.schema();
        }
        if (format instanceof AnswerFormat.Regex regex) {
            return regex.regex();
        }
        if (format instanceof AnswerFormat.Grammar grammar) {
            return grammar.lark();
        }
        if (format instanceof AnswerFormat.Choice choice) {
            try {
                return JSON.writeValueAsString(choice.texts());
            } catch (JsonProcessingException e) {
                throw new IllegalArgumentException(e);
            }
        }
        throw new IllegalArgumentException("free text needs no grammar");
    }

    /** Lets go of the cached grammars. Grammars in use stay valid. */
    @Override
    public synchronized void close() {
        closed = true;
        cache.clear();
    }

    /** Byte strings one after the other. */
    private record Flat(int[] lengths, byte[] bytes) {

        static Flat of(int count, IntFunction<byte[]> each) {
            int[] lengths = new int[count];
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            for (int i = 0; i < count; i++) {
                byte[] word = each.apply(i);
                lengths[i] = word.length;
                bytes.writeBytes(word);
            }
            return new Flat(lengths, bytes.toByteArray());
        }
    }
}
