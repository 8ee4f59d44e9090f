package io.tidemark.grammar;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.jna.ptr.LongByReference;
import io.tidemark.message.AnswerFormat;
import io.tidemark.tenant.TenantWeights;
import java.io.ByteArrayOutputStream;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntFunction;

/**
 * Compiles formats for one tokenizer, and keeps the grammars that were used last. Thread-safe; a format is compiled on
 * the thread of its first caller, while other callers with an equal format wait for it.
 *
 * <p>Each call of {@link #find} and {@link #compile} gives a reference of its own to a tenant, which the caller closes.
 * The native memory of all grammars, in use or kept, and of the states of their sequences is bounded by {@link
 * GrammarLimits#cacheBytes}: unused grammars are freed, further formats are refused with {@link GrammarException#BUSY},
 * and at last those sequences fail that have added more than their share. The last quarter of what compiled formats may
 * use is divided among the tenants that hold grammars or wait for one: only a tenant that holds less than its share of
 * it gets a grammar there.
 */
public final class GrammarCompiler implements FormatCompiler {

    private static final ObjectMapper JSON = new ObjectMapper();

    private static final int UNSUPPORTED = 1;
    private static final int TOO_LARGE = 2;
    private static final int TOO_SLOW = 3;
    private static final int MESSAGE_BYTES = 2000;

    private final GrammarLibrary.Functions functions;
    private final GrammarLimits limits;
    private final GrammarCache cache;
    private final TenantWeights weights;
    private final Map<AnswerFormat, CompletableFuture<Void>> running = new HashMap<>();
    /** The tenants that compile a format. */
    private final Set<String> compiling = ConcurrentHashMap.newKeySet();

    private GrammarCompiler(
            GrammarLibrary.Functions functions,
            int vocabulary,
            GrammarLimits limits,
            TenantWeights weights,
            long tokenizer) {
        this.functions = functions;
        this.limits = limits;
        this.weights = weights;
        this.cache = new GrammarCache(functions, tokenizer, vocabulary, limits);
    }

    /**
     * Opens a compiler for one tenant.
     *
     * @throws GrammarUnavailableException if there is no native library for this platform
     */
    public static GrammarCompiler open(TokenBytes vocabulary, GrammarLimits limits) {
        return open(vocabulary, limits, TenantWeights.EQUAL);
    }

    /** @throws GrammarUnavailableException if there is no native library for this platform */
    public static GrammarCompiler open(TokenBytes vocabulary, GrammarLimits limits, TenantWeights weights) {
        return open(GrammarLibrary.functions(), vocabulary, limits, weights);
    }

    static GrammarCompiler open(
            GrammarLibrary.Functions functions, TokenBytes vocabulary, GrammarLimits limits, TenantWeights weights) {
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
                later.length(),
                first.lengths(),
                first.bytes(),
                first.length(),
                ends.length,
                ends,
                out,
                message,
                message.length);
        if (code != 0) {
            throw new GrammarUnavailableException("answers can't have a format with this tokenizer: "
                    + GrammarLibrary.text(message, 0, MESSAGE_BYTES));
        }
        return new GrammarCompiler(functions, count, limits, weights, out.getValue());
    }

    /** Whether there is a native library for this platform. */
    public static boolean isAvailable() {
        return GrammarLibrary.isAvailable();
    }

    @Override
    public Optional<CompiledGrammar> find(AnswerFormat format, String tenant) {
        return kept(format, tenant).map(CompiledGrammar.class::cast);
    }

    private Optional<NativeGrammar> kept(AnswerFormat format, String tenant) {
        return cache.isLeased(format) || mayHold(tenant) ? cache.find(format, tenant) : Optional.empty();
    }

    /** Compiles a format for the only tenant, as {@link #compile(AnswerFormat, String)} does. */
    public CompiledGrammar compile(AnswerFormat format) throws GrammarException {
        return compile(format, "");
    }

    @Override
    public CompiledGrammar compile(AnswerFormat format, String tenant) throws GrammarException {
        while (true) {
            CompletableFuture<Void> own = new CompletableFuture<>();
            CompletableFuture<Void> other;
            synchronized (this) {
                if (cache.isClosed()) {
                    throw new IllegalStateException("the compiler is closed");
                }
                Optional<NativeGrammar> kept = kept(format, tenant);
                if (kept.isPresent()) {
                    return kept.get();
                }
                other = running.putIfAbsent(format, own);
            }
            if (other == null) {
                return compile(format, tenant, own);
            }
            await(other); // then it is usually kept
        }
    }

    private CompiledGrammar compile(AnswerFormat format, String tenant, CompletableFuture<Void> done)
            throws GrammarException {
        compiling.add(tenant);
        try {
            if (!mayHold(tenant)) {
                throw busy();
            }
            cache.reduceTo(limits.admittedBytes());
            NativeGrammar grammar = cache.add(format, compileNatively(format), tenant);
            if (!cache.reduceTo(limits.totalBytes())) {
                grammar.close();
                throw busy();
            }
            done.complete(null);
            return grammar;
        } catch (GrammarException | RuntimeException | Error e) {
            done.completeExceptionally(e);
            throw e;
        } finally {
            compiling.remove(tenant);
            synchronized (this) {
                running.remove(format);
            }
        }
    }

    /**
     * Whether a tenant may hold one more grammar. Below the shared part, every tenant may. Above it, only a tenant that
     * holds less than its share of this part may, even if the states of sequences use more than the admitted bytes.
     */
    private boolean mayHold(String tenant) {
        long leased = cache.leasedBytes();
        if (weights.isSingle() || leased <= limits.admittedBytes() - limits.sharedBytes()) {
            return leased <= limits.admittedBytes();
        }
        Map<String, Double> held = cache.heldBytes();
        Set<String> tenants = new HashSet<>(compiling);
        tenants.addAll(held.keySet());
        return held.getOrDefault(tenant, 0.0) < limits.sharedBytes() * weights.share(tenant, tenants);
    }

    private GrammarException busy() {
        return new GrammarException(
                GrammarException.BUSY,
                "the formats of open requests take the memory for all formats, %d bytes (tidemark.limits.format-cache-bytes); send the request again later"
                        .formatted(limits.totalBytes()));
    }

    /** Returns when another caller has compiled a format, or was refused because of the memory that it holds. */
    private static void await(CompletableFuture<Void> other) throws GrammarException {
        try {
            other.join();
        } catch (CompletionException e) {
            if (!(e.getCause() instanceof GrammarException refused)) {
                throw e;
            }
            if (!refused.code().equals(GrammarException.BUSY)) {
                throw new GrammarException(refused.code(), refused.getMessage());
            }
        }
    }

    /** The pointer of a compiled grammar. */
    private long compileNatively(AnswerFormat format) throws GrammarException {
        byte[] text = textOf(format).getBytes(StandardCharsets.UTF_8);
        LongByReference out = new LongByReference();
        byte[] message = new byte[MESSAGE_BYTES];
        int code;
        try {
            code = functions.tidemark_grammar_compile(
                    cache.tokenizer(),
                    kindOf(format),
                    text,
                    text.length,
                    // quotes and commas of a choice are not the client's
                    limits.formatBytes() + Math.max(0, text.length - format.bytes()),
                    Math.max(1, limits.compileTime().toMillis()),
                    limits.grammarBytes(),
                    Math.max(1, limits.maskTime().toNanos() / 1000),
                    limits.totalBytes(),
                    out,
                    message,
                    message.length);
        } finally {
            Reference.reachabilityFence(this);
        }
        String problem = GrammarLibrary.text(message, 0, MESSAGE_BYTES);
        switch (code) {
            case 0 -> {
                return out.getValue();
            }
            case UNSUPPORTED -> throw new GrammarException(GrammarException.UNSUPPORTED, problem);
            case TOO_LARGE -> throw new GrammarException(GrammarException.TOO_LARGE, problem);
            case TOO_SLOW -> throw new GrammarException(GrammarException.TOO_SLOW, problem);
            default ->
                throw new GrammarException(GrammarException.FAILED, "the compiler of formats has failed: " + problem);
        }
    }

    @Override
    public long usedBytes() {
        return cache.usedBytes();
    }

    private static int kindOf(AnswerFormat format) {
        if (format instanceof AnswerFormat.JsonObject || format instanceof AnswerFormat.JsonSchema) {
            return 0;
        }
        if (format instanceof AnswerFormat.Regex) {
            return 1;
        }
        return format instanceof AnswerFormat.OneOfTexts ? 2 : 3;
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
        if (format instanceof AnswerFormat.OneOfTexts choice) {
            try {
                return JSON.writeValueAsString(choice.texts());
            } catch (JsonProcessingException e) {
                throw new IllegalArgumentException(e);
            }
        }
        throw new IllegalArgumentException("free text needs no grammar");
    }

    @Override
    public void close() {
        cache.close();
    }

    /** Byte strings one after the other. */
    private record Flat(int[] lengths, byte[] bytes) {

        /** The number of bytes; 0 without byte strings. */
        int length() {
            return bytes == null ? 0 : bytes.length;
        }

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
