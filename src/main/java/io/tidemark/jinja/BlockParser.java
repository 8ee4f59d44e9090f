package io.tidemark.jinja;

import io.tidemark.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Tags with a body: choices, loops, macros and their calls, and what transformers calls a generation. */
final class BlockParser {

    private record Branch(Expression condition, Statement body) {}

    private final TokenStream tokens;
    private final ExpressionParser expressions;
    private final AssignmentParser assignments;
    private final StatementParser statements;

    BlockParser(
            TokenStream tokens,
            ExpressionParser expressions,
            AssignmentParser assignments,
            StatementParser statements) {
        this.tokens = tokens;
        this.expressions = expressions;
        this.assignments = assignments;
        this.statements = statements;
    }

    Statement choice() {
        List<Branch> branches = new ArrayList<>();
        do {
            Expression condition = expressions.listed(false);
            statements.endOfTag();
            branches.add(new Branch(condition, statements.until(Set.of("elif", "else", "endif"))));
        } while (tokens.skipName("elif"));
        Optional<Statement> otherwise = otherwise("endif");
        return (scope, out) -> {
            for (Branch branch : branches) {
                if (Values.isTrue(branch.condition().value(scope))) {
                    return branch.body().run(scope, out);
                }
            }
            return otherwise.isPresent() ? otherwise.get().run(scope, out) : Statement.Flow.NEXT;
        };
    }

    private Optional<Statement> otherwise(String end) {
        if (tokens.skipName("else")) {
            return Optional.of(statements.body(end));
        }
        tokens.expectName(end);
        statements.endOfTag();
        return Optional.empty();
    }

    Statement loop() {
        AssignmentParser.Target target = assignments.target();
        tokens.expectName("in");
        Expression over = expressions.listed(false);
        Optional<Expression> condition =
                tokens.skipName("if") ? Optional.of(expressions.expression()) : Optional.empty();
        if (tokens.peek().isName("recursive")) {
            throw tokens.unexpected("expected a loop that is not recursive");
        }
        statements.endOfTag();
        Statement body = statements.until(Set.of("else", "endfor"));
        return new Loop(target, over, condition, body, otherwise("endfor"));
    }

    Statement macro() {
        String name = tokens.expect(Kind.NAME, "a macro's name").text();
        List<Macro.Parameter> parameters = parameters();
        Statement body = statements.body("endmacro");
        return (scope, out) -> {
            scope.set(name, new Macro(name, parameters, body, scope));
            return Statement.Flow.NEXT;
        };
    }

    private List<Macro.Parameter> parameters() {
        tokens.expectOperator("(");
        List<Macro.Parameter> parameters = new ArrayList<>();
        while (!tokens.skipOperator(")")) {
            String name = tokens.expect(Kind.NAME, "a parameter's name").text();
            parameters.add(new Macro.Parameter(
                    name, tokens.skipOperator("=") ? Optional.of(expressions.expression()) : Optional.empty()));
            if (!tokens.peek().isOperator(")")) {
                tokens.expectOperator(",");
            }
        }
        return parameters;
    }

    /** The macro that is called finds the body as its {@code caller}. */
    Statement call() {
        List<Macro.Parameter> parameters = tokens.peek().isOperator("(") ? parameters() : List.of();
        Expression called = expressions.operands().callee();
        CallParser.Given given = expressions.operands().arguments();
        Statement body = statements.body("endcall");
        return (scope, out) -> {
            if (!(called.value(scope) instanceof Callable callable)) {
                throw JinjaException.because("what 'call' names is not callable");
            }
            Arguments values = given.values(scope);
            Map<String, Object> named = new LinkedHashMap<>(values.named());
            named.put("caller", new Macro("caller", parameters, body, scope));
            out.append(Printed.text(callable.call(new Arguments(values.positional(), named))));
            return Statement.Flow.NEXT;
        };
    }

    Statement filter() {
        String text = "the block's text";
        Expression filtered = expressions.operands().blockFilters(scope -> scope.find(text));
        Statement body = statements.body("endfilter");
        return (scope, out) -> {
            Scope inner = scope.inner();
            inner.set(text, Statement.text(body, scope.inner()));
            out.append(Printed.text(filtered.value(inner)));
            return Statement.Flow.NEXT;
        };
    }

    /** Marks what an assistant said, for training; here only its names stay its own. */
    Statement generation() {
        Statement body = statements.body("endgeneration");
        return (scope, out) -> {
            out.append(Statement.text(body, scope.inner()));
            return Statement.Flow.NEXT;
        };
    }
}
