package io.tidemark.grammar;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/** Grammars and failures of the compiler without native memory, for tests of what uses them. */
public final class FakeGrammars {

    private final AtomicInteger open = new AtomicInteger();

    /** A grammar that no engine runs. */
    public CompiledGrammar compiled() {
        open.incrementAndGet();
        AtomicBoolean closed = new AtomicBoolean();
        return new CompiledGrammar() {
            @Override
            public GrammarState start() {
                throw new UnsupportedOperationException();
            }

            @Override
            public long bytes() {
                return 0;
            }

            @Override
            public void close() {
                if (closed.compareAndSet(false, true)) {
                    open.decrementAndGet();
                }
            }
        };
    }

    /** Grammars that are not closed. */
    public int open() {
        return open.get();
    }

    public static GrammarException failure(String code, String message) {
        return new GrammarException(code, message);
    }
}
