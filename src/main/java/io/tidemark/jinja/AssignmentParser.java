package io.tidemark.jinja;

import io.tidemark.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The tags {@code set} and {@code with}, and the names that they and loops give values to. */
final class AssignmentParser {

    /** Where a value goes. */
    interface Target {
        void take(Object value, Scope scope);
    }

    private final TokenStream tokens;
    private final ExpressionParser expressions;
    private final StatementParser statements;

    AssignmentParser(TokenStream tokens, ExpressionParser expressions, StatementParser statements) {
        this.tokens = tokens;
        this.expressions = expressions;
        this.statements = statements;
    }

    Statement set() {
        Target target = target();
        if (tokens.skipOperator("=")) {
            Expression value = expressions.listed(true);
            statements.endOfTag();
            return (scope, out) -> {
                target.take(value.value(scope), scope);
                return Statement.Flow.NEXT;
            };
        }
        String text = "the block's text";
        Expression filtered = scope -> scope.find(text);
        if (tokens.skipOperator("|")) {
            filtered = expressions.operands().blockFilters(filtered);
        }
        Expression value = filtered;
        Statement body = statements.body("endset");
        return (scope, out) -> {
            Scope inner = scope.inner();
            inner.set(text, Statement.text(body, scope.inner()));
            target.take(value.value(inner), scope);
            return Statement.Flow.NEXT;
        };
    }

    Statement with() {
        Map<Target, Expression> values = new LinkedHashMap<>();
        while (!tokens.peek().is(Kind.TAG_END)) {
            Target target = target();
            tokens.expectOperator("=");
            values.put(target, expressions.expression());
            if (!tokens.peek().is(Kind.TAG_END)) {
                tokens.expectOperator(",");
            }
        }
        Statement body = statements.body("endwith");
        return (scope, out) -> {
            Scope inner = scope.inner();
            values.forEach((target, value) -> target.take(value.value(scope), inner));
            return body.run(inner, out);
        };
    }

    /** One name, several with commas between, or a namespace's attribute. */
    Target target() {
        List<Target> targets = new ArrayList<>();
        boolean several = false;
        do {
            if (several && (tokens.peek().isName("in") || tokens.peek().isOperator("="))) {
                break;
            }
            targets.add(one());
            several |= tokens.peek().isOperator(",");
        } while (tokens.skipOperator(","));
        return several ? unpacking(targets) : targets.get(0);
    }

    private Target one() {
        if (tokens.skipOperator("(")) {
            Target inner = target();
            tokens.expectOperator(")");
            return inner;
        }
        Token name = tokens.expect(Kind.NAME, "a name");
        if (!tokens.skipOperator(".")) {
            return (value, scope) -> scope.set(name.text(), value);
        }
        Token attribute = tokens.expect(Kind.NAME, "an attribute's name");
        return (value, scope) -> {
            if (!(scope.find(name.text()) instanceof Namespace namespace)) {
                throw JinjaException.because(
                        "'" + name.text() + "' is no namespace, and only a namespace's attributes can be set");
            }
            namespace.set(attribute.text(), value);
        };
    }

    private static Target unpacking(List<Target> targets) {
        return (value, scope) -> {
            List<Object> elements = Values.elements(value);
            if (elements.size() != targets.size()) {
                throw JinjaException.because(targets.size() + " names can't take " + elements.size() + " values");
            }
            for (int i = 0; i < targets.size(); i++) {
                targets.get(i).take(elements.get(i), scope);
            }
        };
    }
}
