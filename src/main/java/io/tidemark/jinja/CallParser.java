package io.tidemark.jinja;

import io.tidemark.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Calls, filters and tests. A filter or test that isn't known fails here, when the template is read. */
final class CallParser {

    /** Arguments before they have values. */
    record Given(List<Expression> positional, Map<String, Expression> named) {

        Arguments values(Scope scope) {
            Map<String, Object> values = new LinkedHashMap<>();
            named.forEach((name, value) -> values.put(name, value.value(scope)));
            return new Arguments(LiteralParser.values(positional, scope), values);
        }
    }

    private static final Set<String> ON_SAFE_TEXT =
            Set.of("safe", "string", "tojson", "length", "count", "default", "d");

    private final TokenStream tokens;
    private final ExpressionParser expressions;

    CallParser(TokenStream tokens, ExpressionParser expressions) {
        this.tokens = tokens;
        this.expressions = expressions;
    }

    Expression call(Expression function) {
        Given given = arguments();
        return scope -> {
            Object called = function.value(scope);
            if (called instanceof Callable callable) {
                return callable.call(given.values(scope));
            }
            throw called instanceof Undefined missing
                    ? missing.used()
                    : JinjaException.because("'" + Values.type(called) + "' object is not callable");
        };
    }

    /** The operand with all filters, tests and calls behind it. */
    Expression filtered(Expression operand) {
        Expression filtered = operand;
        while (true) {
            if (tokens.skipOperator("|")) {
                filtered = filter(filtered);
            } else if (tokens.skipName("is")) {
                filtered = test(filtered);
            } else if (tokens.peek().isOperator("(")) {
                filtered = call(filtered);
            } else {
                return filtered;
            }
        }
    }

    Expression filter(Expression value) {
        Token name = tokens.expect(Kind.NAME, "a filter's name");
        Filter filter = Filters.find(name.text())
                .orElseThrow(
                        () -> JinjaException.at(name.line(), "the filter '" + name.text() + "' is not known here"));
        Given given = tokens.peek().isOperator("(") ? arguments() : new Given(List.of(), Map.of());
        boolean keepsMarkup = ON_SAFE_TEXT.contains(name.text());
        return scope -> {
            Object filtered = value.value(scope);
            if (filtered instanceof Markup && !keepsMarkup) {
                throw JinjaException.because(
                        "the filter '" + name.text() + "' is not known here on text that is 'safe'");
            }
            return filter.apply(filtered, given.values(scope));
        };
    }

    private Expression test(Expression value) {
        boolean negated = tokens.skipName("not");
        Token name = tokens.expect(Kind.NAME, "a test's name");
        ValueTests.Test test = ValueTests.find(name.text())
                .orElseThrow(() -> JinjaException.at(name.line(), "the test '" + name.text() + "' is not known here"));
        Given given = new Given(List.of(), Map.of());
        if (tokens.peek().isOperator("(")) {
            given = arguments();
        } else if (tokens.peek().isName("is")) {
            throw tokens.unexpected("expected one test, as tests can't be chained");
        } else if (beginsArgument(tokens.peek())) {
            given = new Given(List.of(expressions.operands().simple()), Map.of());
        }
        Given arguments = given;
        return scope -> negated != test.holds(value.value(scope), arguments.values(scope));
    }

    private static boolean beginsArgument(Token token) {
        boolean operand = token.is(Kind.STRING)
                || token.is(Kind.INTEGER)
                || token.is(Kind.FLOAT)
                || token.isOperator("[")
                || token.isOperator("{");
        boolean word = token.is(Kind.NAME) && !List.of("else", "or", "and").contains(token.text());
        return operand || word;
    }

    Given arguments() {
        tokens.expectOperator("(");
        List<Expression> positional = new ArrayList<>();
        Map<String, Expression> named = new LinkedHashMap<>();
        while (!tokens.skipOperator(")")) {
            if (tokens.peek().isOperator("*") || tokens.peek().isOperator("**")) {
                throw JinjaException.at(tokens.peek().line(), "arguments can't be unpacked with '*' here");
            }
            if (tokens.peek().is(Kind.NAME) && tokens.ahead().isOperator("=")) {
                String name = tokens.next().text();
                tokens.next();
                named.put(name, expressions.expression());
            } else if (named.isEmpty()) {
                positional.add(expressions.expression());
            } else {
                throw tokens.unexpected("expected an argument with a name");
            }
            if (!tokens.peek().isOperator(")")) {
                tokens.expectOperator(",");
            }
        }
        return new Given(positional, named);
    }
}
