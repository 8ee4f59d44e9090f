package io.tidemark.jinja;

import io.tidemark.jinja.Expression.ArgumentList;
import io.tidemark.jinja.Expression.Literal;
import io.tidemark.jinja.PyObject.Undefined;
import io.tidemark.jinja.Statement.MacroDefinition;
import io.tidemark.jinja.Statement.Target;
import io.tidemark.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** Parses text, printed expressions and tags. Unsupported tags are errors of parsing, not of rendering. */
final class StatementParser {

    private static final Statement NOTHING = new Statement.Sequence(List.of());

    private final TokenStream tokens;
    private final ExpressionParser expressions;

    StatementParser(List<Token> tokens) {
        this.tokens = new TokenStream(tokens);
        this.expressions = new ExpressionParser(this.tokens);
    }

    /** Parses the whole template. */
    Statement template() {
        return until(Set.of());
    }

    /** Parses everything up to a tag with one of these names. The name of that tag is then the next token. */
    private Statement until(Set<String> ends) {
        List<Statement> statements = new ArrayList<>();
        while (true) {
            Token token = tokens.next();
            if (token.is(Kind.TEXT)) {
                statements.add(new Statement.Text(token.text()));
            } else if (token.is(Kind.PRINT_BEGIN)) {
                Statement print = new Statement.Print(expressions.tuple(true));
                tokens.expect(Kind.PRINT_END, "'}}'");
                statements.add(new Statement.Located(token.line(), print));
            } else if (token.is(Kind.TAG_BEGIN)) {
                if (tokens.peek().is(Kind.NAME) && ends.contains(tokens.peek().text())) {
                    return new Statement.Sequence(statements);
                }
                statements.add(new Statement.Located(token.line(), tag(tokens.expect(Kind.NAME, "the name of a tag"))));
            } else if (ends.isEmpty()) {
                return new Statement.Sequence(statements);
            } else {
                throw JinjaException.at(
                        token.line(), "the template ends before '" + String.join("' or '", new TreeSet<>(ends)) + "'");
            }
        }
    }

    private Statement tag(Token name) {
        return switch (name.text()) {
            case "if" -> conditional();
            case "for" -> loop();
            case "set" -> set();
            case "with" -> with();
            case "macro" -> macro();
            case "call" -> call();
            case "filter" -> {
                Expression value = expressions.blockFilters(Statement.FilterBlock.BODY);
                yield new Statement.FilterBlock(value, body("endfilter"));
            }
            case "generation" -> new Statement.Generation(body("endgeneration"));
            case "break" -> jump(Statement.Flow.BREAK);
            case "continue" -> jump(Statement.Flow.CONTINUE);
            default -> throw JinjaException.at(name.line(), "tag '" + name.text() + "' is not supported");
        };
    }

    /** Parses the end of a tag, its body, and the whole end tag. */
    private Statement body(String end) {
        endOfTag();
        Statement body = until(Set.of(end));
        tokens.expectName(end);
        endOfTag();
        return body;
    }

    private void endOfTag() {
        tokens.expect(Kind.TAG_END, "the end of the tag");
    }

    private Statement jump(Statement.Flow flow) {
        endOfTag();
        return new Statement.Jump(flow);
    }

    private Statement conditional() {
        List<Statement.If.Branch> branches = new ArrayList<>();
        do {
            Expression condition = expressions.tuple(false);
            endOfTag();
            branches.add(new Statement.If.Branch(condition, until(Set.of("elif", "else", "endif"))));
        } while (tokens.skipName("elif"));
        return new Statement.If(branches, otherwise("endif"));
    }

    /** Parses an {@code else} with its body, if there is one, and the end tag. */
    private Statement otherwise(String end) {
        if (tokens.skipName("else")) {
            return body(end);
        }
        tokens.expectName(end);
        endOfTag();
        return NOTHING;
    }

    private Statement loop() {
        Target target = target();
        tokens.expectName("in");
        Expression iterable = expressions.tuple(false);
        Optional<Expression> condition =
                tokens.skipName("if") ? Optional.of(expressions.expression()) : Optional.empty();
        if (tokens.peek().isName("recursive")) {
            throw JinjaException.at(tokens.peek().line(), "recursive loops are not supported");
        }
        endOfTag();
        Statement body = until(Set.of("else", "endfor"));
        return new Statement.For(target, iterable, condition, body, otherwise("endfor"));
    }

    private Statement set() {
        Target target = target();
        if (tokens.skipOperator("=")) {
            Expression value = expressions.tuple(true);
            endOfTag();
            return new Statement.Set(target, value);
        }
        Expression body = Statement.FilterBlock.BODY;
        Expression value = tokens.skipOperator("|") ? expressions.blockFilters(body) : body;
        return new Statement.SetBlock(target, value, body("endset"));
    }

    private Statement with() {
        List<Statement.With.Assignment> assignments = new ArrayList<>();
        while (!tokens.peek().is(Kind.TAG_END)) {
            Target target = target();
            tokens.expectOperator("=");
            assignments.add(new Statement.With.Assignment(target, expressions.expression()));
            if (!tokens.peek().is(Kind.TAG_END)) {
                tokens.expectOperator(",");
            }
        }
        return new Statement.With(assignments, body("endwith"));
    }

    /**
     * Parses the left side of an assignment: a variable, an attribute of a namespace, or several with commas between.
     */
    private Target target() {
        List<Target> targets = new ArrayList<>();
        boolean several = false;
        do {
            if (several && (tokens.peek().isName("in") || tokens.peek().isOperator("="))) {
                break;
            }
            targets.add(singleTarget());
            several |= tokens.peek().isOperator(",");
        } while (tokens.skipOperator(","));
        return several ? new Target.Unpacking(targets) : targets.get(0);
    }

    private Target singleTarget() {
        if (tokens.skipOperator("(")) {
            Target inner = target();
            tokens.expectOperator(")");
            return inner;
        }
        String name = tokens.expect(Kind.NAME, "the name of a variable").text();
        return tokens.skipOperator(".")
                ? new Target.NamespaceAttribute(
                        name,
                        tokens.expect(Kind.NAME, "the name of an attribute").text())
                : new Target.VariableTarget(name);
    }

    private Statement macro() {
        String name = tokens.expect(Kind.NAME, "the name of a macro").text();
        List<MacroDefinition.Parameter> parameters = parameters();
        return new MacroDefinition(name, parameters, body("endmacro"));
    }

    private Statement call() {
        List<MacroDefinition.Parameter> parameters = tokens.peek().isOperator("(") ? parameters() : List.of();
        Expression macro = expressions.macro();
        ArgumentList arguments = expressions.arguments();
        return new Statement.CallBlock(macro, arguments, new MacroDefinition("caller", parameters, body("endcall")));
    }

    private List<MacroDefinition.Parameter> parameters() {
        tokens.expectOperator("(");
        List<MacroDefinition.Parameter> parameters = new ArrayList<>();
        while (!tokens.skipOperator(")")) {
            String name = tokens.expect(Kind.NAME, "the name of a parameter").text();
            Expression defaultValue = tokens.skipOperator("=")
                    ? expressions.expression()
                    : new Literal(new Undefined("parameter '" + name + "' was not provided"));
            parameters.add(new MacroDefinition.Parameter(name, defaultValue));
            if (!tokens.peek().isOperator(")")) {
                tokens.expectOperator(",");
            }
        }
        return parameters;
    }
}
