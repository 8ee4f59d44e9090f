package io.tidemark.jinja;

import io.tidemark.jinja.Token.Kind;
import java.util.List;

/** A cursor over the tokens of one template. The last token is {@link Kind#END}; the cursor does not move past it. */
final class TokenStream {

    private final List<Token> tokens;
    private int at;

    TokenStream(List<Token> tokens) {
        this.tokens = tokens;
    }

    Token peek() {
        return tokens.get(at);
    }

    /** The token after the next one. */
    Token peekSecond() {
        return tokens.get(Math.min(at + 1, tokens.size() - 1));
    }

    Token next() {
        Token token = tokens.get(at);
        at = Math.min(at + 1, tokens.size() - 1);
        return token;
    }

    /** Consumes the next token if it is this operator, and returns whether it did. */
    boolean skipOperator(String spelling) {
        return skipIf(peek().isOperator(spelling));
    }

    /** Consumes the next token if it is this name, and returns whether it did. */
    boolean skipName(String name) {
        return skipIf(peek().isName(name));
    }

    private boolean skipIf(boolean matches) {
        if (matches) {
            next();
        }
        return matches;
    }

    Token expect(Kind kind, String description) {
        if (!peek().is(kind)) {
            throw unexpected("expected " + description);
        }
        return next();
    }

    void expectOperator(String spelling) {
        if (!skipOperator(spelling)) {
            throw unexpected("expected '" + spelling + "'");
        }
    }

    void expectName(String name) {
        if (!skipName(name)) {
            throw unexpected("expected '" + name + "'");
        }
    }

    /** The exception for the next token, at its line. */
    JinjaException unexpected(String expectation) {
        return JinjaException.at(peek().line(), expectation + ", found " + peek().description());
    }
}
