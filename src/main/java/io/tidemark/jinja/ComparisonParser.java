package io.tidemark.jinja;

import io.tidemark.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Comparisons and memberships; several in a row hold when each of them does. */
final class ComparisonParser {

    private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");

    private interface Relation {
        boolean holds(Object left, Object right);
    }

    private record Compared(Relation relation, Expression right) {}

    private final TokenStream tokens;
    private final ArithmeticParser arithmetic;

    ComparisonParser(TokenStream tokens, ArithmeticParser arithmetic) {
        this.tokens = tokens;
        this.arithmetic = arithmetic;
    }

    Expression comparison() {
        Expression first = arithmetic.sum();
        List<Compared> compared = new ArrayList<>();
        for (Optional<Relation> relation = relation(); relation.isPresent(); relation = relation()) {
            compared.add(new Compared(relation.get(), arithmetic.sum()));
        }
        return compared.isEmpty()
                ? first
                : scope -> {
                    Object left = first.value(scope);
                    for (Compared each : compared) {
                        Object right = each.right().value(scope);
                        if (!each.relation().holds(left, right)) {
                            return false;
                        }
                        left = right;
                    }
                    return true;
                };
    }

    private Optional<Relation> relation() {
        Token token = tokens.peek();
        if (token.is(Kind.OPERATOR) && COMPARISONS.contains(token.text())) {
            tokens.next();
            return Optional.of(
                    switch (token.text()) {
                        case "==" -> Comparison::equal;
                        case "!=" -> (a, b) -> !Comparison.equal(a, b);
                        case "<" -> (a, b) -> Comparison.order(a, b) < 0;
                        case "<=" -> (a, b) -> Comparison.order(a, b) <= 0;
                        case ">" -> (a, b) -> Comparison.order(a, b) > 0;
                        default -> (a, b) -> Comparison.order(a, b) >= 0;
                    });
        }
        if (tokens.skipName("in")) {
            return Optional.of((element, container) -> Comparison.contains(container, element));
        }
        if (token.isName("not") && tokens.ahead().isName("in")) {
            tokens.next();
            tokens.next();
            return Optional.of((element, container) -> !Comparison.contains(container, element));
        }
        return Optional.empty();
    }
}
