package io.tidemark.jinja;

import io.tidemark.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Sums, then texts joined by {@code ~}, then products, then powers. */
final class ArithmeticParser {

    private final TokenStream tokens;
    private final OperandParser operands;

    ArithmeticParser(TokenStream tokens, OperandParser operands) {
        this.tokens = tokens;
        this.operands = operands;
    }

    Expression sum() {
        Expression left = joined();
        while (tokens.peek().isOperator("+") || tokens.peek().isOperator("-")) {
            left = applied(tokens.next().text(), left, joined());
        }
        return left;
    }

    private Expression joined() {
        List<Expression> parts = new ArrayList<>(List.of(product()));
        while (tokens.skipOperator("~")) {
            parts.add(product());
        }
        return parts.size() == 1
                ? parts.get(0)
                : scope -> {
                    StringBuilder text = new StringBuilder();
                    parts.forEach(part -> text.append(Printed.text(part.value(scope))));
                    return text.toString();
                };
    }

    private Expression product() {
        Expression left = power();
        while (tokens.peek().is(Kind.OPERATOR)
                && Set.of("*", "/", "//", "%").contains(tokens.peek().text())) {
            left = applied(tokens.next().text(), left, power());
        }
        return left;
    }

    private Expression power() {
        Expression left = operands.operand(true);
        while (tokens.skipOperator("**")) {
            left = applied("**", left, operands.operand(true));
        }
        return left;
    }

    private static Expression applied(String operator, Expression left, Expression right) {
        return scope -> Operators.apply(operator, left.value(scope), right.value(scope));
    }
}
