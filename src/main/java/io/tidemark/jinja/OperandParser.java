package io.tidemark.jinja;

import io.tidemark.jinja.Token.Kind;

/** An operand: a literal or name with the signs before it, and the attributes, subscripts, calls, filters and tests behind it. */
final class OperandParser {

    private final TokenStream tokens;
    private final ExpressionParser expressions;
    private final LiteralParser literals;
    private final CallParser calls;

    OperandParser(TokenStream tokens, ExpressionParser expressions) {
        this.tokens = tokens;
        this.expressions = expressions;
        this.literals = new LiteralParser(tokens, expressions);
        this.calls = new CallParser(tokens, expressions);
    }

    /** @param filtered whether filters and tests behind the operand belong to it; behind a sign they don't */
    Expression operand(boolean filtered) {
        Expression operand;
        if (tokens.skipOperator("-")) {
            Expression signed = operand(false);
            operand = scope -> Operators.negated(signed.value(scope));
        } else if (tokens.skipOperator("+")) {
            Expression signed = operand(false);
            operand = scope -> Operators.positive(signed.value(scope));
        } else {
            operand = simple();
        }
        return filtered ? calls.filtered(operand) : operand;
    }

    /** Without signs, filters and tests. */
    Expression simple() {
        return followed(literals.primary());
    }

    /** A call's function, up to the parenthesis of its arguments. */
    Expression callee() {
        Expression callee = literals.primary();
        while (tokens.skipOperator(".")) {
            callee = attribute(callee, tokens.next());
        }
        return callee;
    }

    CallParser.Given arguments() {
        return calls.arguments();
    }

    /** The filters of a {@code filter} or {@code set} block, of which the first has no bar before it. */
    Expression blockFilters(Expression text) {
        return calls.filtered(calls.filter(text));
    }

    private Expression followed(Expression of) {
        Expression followed = of;
        while (true) {
            Expression base = followed;
            if (tokens.skipOperator(".")) {
                followed = attribute(base, tokens.next());
            } else if (tokens.skipOperator("[")) {
                followed = subscript(base);
            } else if (tokens.peek().isOperator("(")) {
                followed = calls.call(base);
            } else {
                return base;
            }
        }
    }

    private static Expression attribute(Expression of, Token name) {
        if (name.is(Kind.INTEGER)) {
            long index = LiteralParser.integer(name);
            return scope -> Attributes.subscript(of.value(scope), index);
        }
        if (!name.is(Kind.NAME)) {
            throw JinjaException.at(name.line(), "expected an attribute's name behind '.'");
        }
        return scope -> Attributes.attribute(of.value(scope), name.text());
    }

    private Expression subscript(Expression of) {
        Expression nothing = scope -> None.NONE;
        Expression first = tokens.peek().isOperator(":") ? nothing : expressions.expression();
        if (!tokens.skipOperator(":")) {
            tokens.expectOperator("]");
            return scope -> Attributes.subscript(of.value(scope), first.value(scope));
        }
        Expression to =
                tokens.peek().isOperator(":") || tokens.peek().isOperator("]") ? nothing : expressions.expression();
        Expression by = tokens.skipOperator(":") && !tokens.peek().isOperator("]") ? expressions.expression() : nothing;
        tokens.expectOperator("]");
        return scope -> Slice.of(of.value(scope), first.value(scope), to.value(scope), by.value(scope));
    }
}
