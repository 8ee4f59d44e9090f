package io.tidemark.request;

import io.tidemark.grammar.CompiledGrammar;
import io.tidemark.grammar.FormatCompiler;
import io.tidemark.grammar.GrammarException;
import io.tidemark.grammar.GrammarUnavailableException;
import io.tidemark.input.RejectedException;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.FormatFields;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jboss.logging.Logger;

/**
 * The formats of answers that this process enforces. Their compiler is opened by the first request with a format: that
 * loads the native library and copies the vocabulary, which takes seconds and memory. A compiler that can't be opened
 * is not tried again, and requests with a format are refused. Thread-safe.
 *
 * <pre>
 *   unopened ── open ──▶ opened ── close ──▶ unavailable
 *      └── close, or open fails ───────────────▲
 * </pre>
 */
public final class AnswerFormats implements AutoCloseable {

    /** Code of the error for a worker that enforces no format. */
    static final String UNAVAILABLE = "formats_unavailable";

    private static final Logger LOG = Logger.getLogger(AnswerFormats.class);
    /** The reason is in the log: it may name folders of the server. */
    private static final ErrorBody REFUSAL = ErrorBody.serverError(
            UNAVAILABLE, "the worker can't enforce the format of an answer; its log has the reason");

    private final Supplier<? extends FormatCompiler> opening;
    private final Object openingLock = new Object();
    private final AtomicReference<State> state = new AtomicReference<>(new State.Unopened());

    private AnswerFormats(Supplier<? extends FormatCompiler> opening) {
        this.opening = opening;
    }

    private sealed interface State {

        record Unopened() implements State {}

        record Opened(FormatCompiler compiler) implements State {}

        /** The compiler could not be opened, or is closed. */
        record Unavailable() implements State {}
    }

    /**
     * The formats of a compiler, which is opened when it is needed and belongs to these formats.
     *
     * @param opening takes seconds; called at most once, on a thread that compiles formats
     */
    public static AnswerFormats of(Supplier<? extends FormatCompiler> opening) {
        return new AnswerFormats(opening);
    }

    /**
     * Opens the compiler unless that was tried before; takes seconds. Callers wait for each other. A failure is logged,
     * and refuses the formats of this and of all later requests. If the formats are closed meanwhile, the compiler is
     * closed as soon as it is open.
     */
    void open() {
        synchronized (openingLock) {
            State unopened = state.get();
            if (!(unopened instanceof State.Unopened)) {
                return;
            }
            State next = new State.Unavailable();
            try {
                next = new State.Opened(opening.get());
                LOG.info("opened the compiler of formats");
            } catch (GrammarUnavailableException e) {
                LOG.warnf("requests with a format get the error %s: %s", UNAVAILABLE, e.getMessage());
            } catch (RuntimeException | LinkageError e) {
                LOG.errorf(e, "requests with a format get the error %s: the compiler can't be opened", UNAVAILABLE);
            } finally {
                if (!state.compareAndSet(unopened, next)) {
                    closeCompiler(next);
                }
            }
        }
    }

    /**
     * A compiled format of an earlier request, which the caller closes; takes microseconds and opens nothing.
     *
     * @param tenant holds the grammar
     * @throws RejectedException if the compiler can't be opened
     */
    Optional<CompiledGrammar> find(FormatFields fields, String tenant) throws RejectedException {
        return state.get() instanceof State.Unopened
                ? Optional.empty()
                : compiler().find(fields.format(), tenant);
    }

    /**
     * Compiles a format, which takes up to {@code tidemark.limits.format-compile-time}, and seconds more if the
     * compiler has to be {@linkplain #open opened}. The caller closes the grammar.
     *
     * @param tenant holds the grammar
     * @throws RejectedException with the codes of {@link GrammarException#code} and the path of the field, or if the
     *     compiler can't be opened
     */
    CompiledGrammar compile(FormatFields fields, String tenant) throws RejectedException {
        open();
        try {
            return compiler().compile(fields.format(), tenant);
        } catch (GrammarException e) {
            if (e.isOfServer()) {
                throw new RejectedException(ErrorBody.serverError(e.code(), e.getMessage()));
            }
            throw new RejectedException(e.code(), fields.field(), e.getMessage());
        }
    }

    /** The native memory of all grammars, in use or kept, in bytes; 0 until the compiler is opened. */
    public long usedBytes() {
        return state.get() instanceof State.Opened opened ? opened.compiler().usedBytes() : 0;
    }

    private FormatCompiler compiler() throws RejectedException {
        if (state.get() instanceof State.Opened opened) {
            return opened.compiler();
        }
        throw new RejectedException(REFUSAL);
    }

    /** Closes the compiler, and waits for no opening. No request is admitted any more; grammars in use stay valid. */
    @Override
    public void close() {
        closeCompiler(state.getAndSet(new State.Unavailable()));
    }

    private static void closeCompiler(State state) {
        if (state instanceof State.Opened opened) {
            opened.compiler().close();
        }
    }
}
