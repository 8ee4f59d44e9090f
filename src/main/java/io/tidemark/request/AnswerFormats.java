package io.tidemark.request;

import io.tidemark.grammar.CompiledGrammar;
import io.tidemark.grammar.GrammarCompiler;
import io.tidemark.grammar.GrammarException;
import io.tidemark.input.RejectedException;
import io.tidemark.message.AnswerFormat;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.FormatFields;
import java.util.Optional;

/** The formats of answers that this process enforces. Thread-safe. */
public final class AnswerFormats {

    /** Code of the error for a worker that enforces no format. */
    static final String UNAVAILABLE = "formats_unavailable";

    private final Compiler compiler;

    private AnswerFormats(Compiler compiler) {
        this.compiler = compiler;
    }

    /** Compiles formats. Thread-safe. */
    interface Compiler {

        /** A compiled format of an earlier request; takes microseconds. */
        Optional<CompiledGrammar> find(AnswerFormat format) throws RejectedException;

        CompiledGrammar compile(AnswerFormat format) throws GrammarException, RejectedException;
    }

    /** The formats of a compiler, which must stay open until no request is admitted. */
    public static AnswerFormats of(GrammarCompiler compiler) {
        return new AnswerFormats(new Compiler() {
            @Override
            public Optional<CompiledGrammar> find(AnswerFormat format) {
                return compiler.find(format);
            }

            @Override
            public CompiledGrammar compile(AnswerFormat format) throws GrammarException {
                return compiler.compile(format);
            }
        });
    }

    /** No format. The reason is in the log: it may name folders of the server. */
    public static AnswerFormats unavailable() {
        ErrorBody error = ErrorBody.serverError(
                UNAVAILABLE, "the worker can't enforce the format of an answer; its log has the reason");
        return of(new Compiler() {
            @Override
            public Optional<CompiledGrammar> find(AnswerFormat format) throws RejectedException {
                throw new RejectedException(error);
            }

            @Override
            public CompiledGrammar compile(AnswerFormat format) throws RejectedException {
                throw new RejectedException(error);
            }
        });
    }

    static AnswerFormats of(Compiler compiler) {
        return new AnswerFormats(compiler);
    }

    /** A compiled format of an earlier request, which the caller closes; takes microseconds. */
    Optional<CompiledGrammar> find(FormatFields fields) throws RejectedException {
        return compiler.find(fields.format());
    }

    /**
     * Compiles a format, which takes up to {@code tidemark.limits.format-compile-time}. The caller closes it.
     *
     * @throws RejectedException with the codes of {@link GrammarException#code} and the path of the field
     */
    CompiledGrammar compile(FormatFields fields) throws RejectedException {
        try {
            return compiler.compile(fields.format());
        } catch (GrammarException e) {
            if (e.isOfServer()) {
                throw new RejectedException(ErrorBody.serverError(e.code(), e.getMessage()));
            }
            throw new RejectedException(e.code(), fields.field(), e.getMessage());
        }
    }
}
