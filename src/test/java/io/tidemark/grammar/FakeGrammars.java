package io.tidemark.grammar;

/** Grammars and failures of the compiler without native memory, for tests of what uses them. */
public final class FakeGrammars {

    private FakeGrammars() {}

    /** A grammar that no engine runs. */
    public static CompiledGrammar compiled() {
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
            public void close() {}
        };
    }

    public static GrammarException failure(String code, String message) {
        return new GrammarException(code, message);
    }
}
