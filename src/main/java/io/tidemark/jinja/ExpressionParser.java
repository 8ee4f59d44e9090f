package io.tidemark.jinja;

import io.tidemark.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Operators by precedence as Jinja's own parser orders them: {@code a if b else c}, {@code or}, {@code and}, {@code not};
 * then comparisons, arithmetic and operands.
 */
final class ExpressionParser {

    private final TokenStream tokens;
    private final OperandParser operands;
    private final ComparisonParser comparisons;

    ExpressionParser(TokenStream tokens) {
        this.tokens = tokens;
        this.operands = new OperandParser(tokens, this);
        this.comparisons = new ComparisonParser(tokens, new ArithmeticParser(tokens, operands));
    }

    Expression expression() {
        Expression chosen = without();
        while (tokens.skipName("if")) {
            Expression condition = without();
            Expression first = chosen;
            Optional<Expression> otherwise = tokens.skipName("else") ? Optional.of(expression()) : Optional.empty();
            chosen = scope -> Values.isTrue(condition.value(scope))
                    ? first.value(scope)
                    : otherwise
                            .map(e -> e.value(scope))
                            .orElseGet(
                                    () -> Undefined.because("an 'if' without 'else' was false and its value is used"));
        }
        return chosen;
    }

    /** An expression that is no {@code a if b}, or several with commas between them: a tuple. */
    Expression listed(boolean conditional) {
        List<Expression> elements = new ArrayList<>();
        boolean tuple = false;
        do {
            if (tuple && endsTuple()) {
                break;
            }
            elements.add(conditional ? expression() : without());
            tuple |= tokens.peek().isOperator(",");
        } while (tokens.skipOperator(","));
        return tuple ? scope -> new Tuple(LiteralParser.values(elements, scope)) : elements.get(0);
    }

    private boolean endsTuple() {
        return tokens.peek().is(Kind.TAG_END)
                || tokens.peek().is(Kind.PRINT_END)
                || tokens.peek().isOperator(")");
    }

    OperandParser operands() {
        return operands;
    }

    private Expression without() {
        Expression left = and();
        while (tokens.skipName("or")) {
            Expression a = left;
            Expression b = and();
            left = scope -> {
                Object value = a.value(scope);
                return Values.isTrue(value) ? value : b.value(scope);
            };
        }
        return left;
    }

    private Expression and() {
        Expression left = not();
        while (tokens.skipName("and")) {
            Expression a = left;
            Expression b = not();
            left = scope -> {
                Object value = a.value(scope);
                return Values.isTrue(value) ? b.value(scope) : value;
            };
        }
        return left;
    }

    private Expression not() {
        if (tokens.skipName("not")) {
            Expression negated = not();
            return scope -> !Values.isTrue(negated.value(scope));
        }
        return comparisons.comparison();
    }
}
