package io.tidemark.jinja;

import io.tidemark.jinja.Token.Kind;
import java.util.List;

/** The tokens of a template, read one by one. */
final class TokenStream {

    private final List<Token> tokens;
    private int at;

    TokenStream(List<Token> tokens) {
        this.tokens = tokens;
    }

    Token peek() {
        return tokens.get(at);
    }

    Token ahead() {
        return tokens.get(Math.min(at + 1, tokens.size() - 1));
    }

    Token next() {
        Token token = tokens.get(at);
        at = Math.min(at + 1, tokens.size() - 1);
        return token;
    }

    boolean skipOperator(String spelling) {
        return skip(peek().isOperator(spelling));
    }

    boolean skipName(String name) {
        return skip(peek().isName(name));
    }

    private boolean skip(boolean there) {
        if (there) {
            next();
        }
        return there;
    }

    Token expect(Kind kind, String what) {
        if (!peek().is(kind)) {
            throw unexpected("expected " + what);
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

    JinjaException unexpected(String expectation) {
        boolean closing = peek().is(Kind.TAG_END) || peek().is(Kind.PRINT_END);
        return JinjaException.at(peek().line(), expectation + ", not " + (closing ? "the tag's end" : peek().words()));
    }
}
