package io.tidemark.jinja;

import io.tidemark.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Text, expressions to print, and tags. A tag that isn't known fails here, when the template is read. */
final class StatementParser {

    private final TokenStream tokens;
    private final ExpressionParser expressions;
    private final AssignmentParser assignments;
    private final BlockParser blocks;

    StatementParser(List<Token> tokens) {
        this.tokens = new TokenStream(tokens);
        this.expressions = new ExpressionParser(this.tokens);
        this.assignments = new AssignmentParser(this.tokens, expressions, this);
        this.blocks = new BlockParser(this.tokens, expressions, assignments, this);
    }

    Statement template() {
        Statement all = until(Set.of());
        if (!tokens.peek().is(Kind.END)) {
            throw tokens.unexpected("expected text");
        }
        return all;
    }

    /** Everything up to a tag with one of these names, whose name is then the next token. */
    Statement until(Set<String> ends) {
        List<Statement> statements = new ArrayList<>();
        for (Optional<Statement> next = next(ends); next.isPresent(); next = next(ends)) {
            statements.add(next.get());
        }
        return Statement.sequence(statements);
    }

    /** The body of a tag up to its end, which is read too. */
    Statement body(String end) {
        endOfTag();
        Statement body = until(Set.of(end));
        tokens.expectName(end);
        endOfTag();
        return body;
    }

    void endOfTag() {
        tokens.expect(Kind.TAG_END, "the tag's end");
    }

    private Optional<Statement> next(Set<String> ends) {
        Token token = tokens.next();
        switch (token.kind()) {
            case TEXT:
                return Optional.of((scope, out) -> {
                    out.append(token.text());
                    return Statement.Flow.NEXT;
                });
            case PRINT_BEGIN:
                Expression printed = expressions.listed(true);
                tokens.expect(Kind.PRINT_END, "'}}'");
                return Optional.of(placed(token.line(), (scope, out) -> {
                    out.append(Printed.text(printed.value(scope)));
                    return Statement.Flow.NEXT;
                }));
            case TAG_BEGIN:
                if (tokens.peek().is(Kind.NAME) && ends.contains(tokens.peek().text())) {
                    return Optional.empty();
                }
                return Optional.of(placed(token.line(), tag(tokens.expect(Kind.NAME, "a tag's name"))));
            default:
                if (!ends.isEmpty()) {
                    throw JinjaException.at(
                            token.line(),
                            "the template ends before " + String.join(" or ", new java.util.TreeSet<>(ends)));
                }
                return Optional.empty();
        }
    }

    private static Statement placed(int line, Statement statement) {
        return (scope, out) -> {
            try {
                return statement.run(scope, out);
            } catch (JinjaException e) {
                throw e.in(line);
            }
        };
    }

    private Statement tag(Token name) {
        return switch (name.text()) {
            case "if" -> blocks.choice();
            case "for" -> blocks.loop();
            case "set" -> assignments.set();
            case "with" -> assignments.with();
            case "macro" -> blocks.macro();
            case "call" -> blocks.call();
            case "filter" -> blocks.filter();
            case "generation" -> blocks.generation();
            case "break" -> leaving(Statement.Flow.BREAK);
            case "continue" -> leaving(Statement.Flow.CONTINUE);
            default -> throw JinjaException.at(name.line(), "the tag '" + name.text() + "' is not known here");
        };
    }

    private Statement leaving(Statement.Flow flow) {
        endOfTag();
        return (scope, out) -> flow;
    }
}
