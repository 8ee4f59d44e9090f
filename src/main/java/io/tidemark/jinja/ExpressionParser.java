package io.tidemark.jinja;

import io.tidemark.jinja.Expression.ArgumentList;
import io.tidemark.jinja.Expression.DictionaryDisplay.Entry;
import io.tidemark.jinja.Expression.Literal;
import io.tidemark.jinja.PyObject.None;
import io.tidemark.jinja.PyObject.Tuple;
import io.tidemark.jinja.PyObject.Undefined;
import io.tidemark.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A recursive descent parser for expressions, with the precedence of Jinja2's parser: each method parses one level,
 * from {@code a if b else c} down to literals. Unsupported filters and tests are errors of parsing, not of evaluation.
 */
final class ExpressionParser {

    private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
    private static final Set<String> PRODUCTS = Set.of("*", "/", "//", "%");
    private static final Map<String, Object> CONSTANTS =
            Map.of("true", true, "True", true, "false", false, "False", false, "none", None.NONE, "None", None.NONE);

    private final TokenStream tokens;

    ExpressionParser(TokenStream tokens) {
        this.tokens = tokens;
    }

    /** Parses one expression; a comma ends it. */
    Expression expression() {
        Expression expression = or();
        while (tokens.skipName("if")) {
            Expression condition = or();
            Expression otherwise = tokens.skipName("else")
                    ? expression()
                    : new Literal(new Undefined("the condition of an 'if' without 'else' is false"));
            expression = new Expression.Conditional(condition, expression, otherwise);
        }
        return expression;
    }

    /**
     * Parses one expression, or several with commas between them, which are a tuple.
     *
     * @param conditional whether {@code a if b else c} is allowed; it is not where {@code if} begins a loop's condition
     */
    Expression tuple(boolean conditional) {
        List<Expression> elements = new ArrayList<>();
        boolean tuple = false;
        do {
            if (tuple && endsTuple()) {
                break;
            }
            elements.add(conditional ? expression() : or());
            tuple |= tokens.peek().isOperator(",");
        } while (tokens.skipOperator(","));
        return tuple ? new Expression.TupleDisplay(elements) : elements.get(0);
    }

    private boolean endsTuple() {
        Token next = tokens.peek();
        return next.is(Kind.TAG_END) || next.is(Kind.PRINT_END) || next.isOperator(")");
    }

    private Expression or() {
        Expression left = and();
        while (tokens.skipName("or")) {
            left = new Expression.Or(left, and());
        }
        return left;
    }

    private Expression and() {
        Expression left = not();
        while (tokens.skipName("and")) {
            left = new Expression.And(left, not());
        }
        return left;
    }

    private Expression not() {
        return tokens.skipName("not") ? new Expression.Not(not()) : comparison();
    }

    private Expression comparison() {
        Expression first = sum();
        List<Expression.Comparison.Right> rest = new ArrayList<>();
        for (Optional<String> operator = comparisonOperator(); operator.isPresent(); operator = comparisonOperator()) {
            rest.add(new Expression.Comparison.Right(operator.get(), sum()));
        }
        return rest.isEmpty() ? first : new Expression.Comparison(first, rest);
    }

    private Optional<String> comparisonOperator() {
        Token token = tokens.peek();
        if (token.is(Kind.OPERATOR) && COMPARISONS.contains(token.text())) {
            return Optional.of(tokens.next().text());
        }
        if (tokens.skipName("in")) {
            return Optional.of("in");
        }
        if (token.isName("not") && tokens.peekSecond().isName("in")) {
            tokens.next();
            tokens.next();
            return Optional.of("not in");
        }
        return Optional.empty();
    }

    private Expression sum() {
        Expression left = concatenation();
        while (tokens.peek().isOperator("+") || tokens.peek().isOperator("-")) {
            left = new Expression.Arithmetic(tokens.next().text(), left, concatenation());
        }
        return left;
    }

    private Expression concatenation() {
        List<Expression> operands = new ArrayList<>(List.of(product()));
        while (tokens.skipOperator("~")) {
            operands.add(product());
        }
        return operands.size() == 1 ? operands.get(0) : new Expression.Concatenation(operands);
    }

    private Expression product() {
        Expression left = power();
        while (tokens.peek().is(Kind.OPERATOR)
                && PRODUCTS.contains(tokens.peek().text())) {
            left = new Expression.Arithmetic(tokens.next().text(), left, power());
        }
        return left;
    }

    private Expression power() {
        Expression left = unary(true);
        while (tokens.skipOperator("**")) {
            left = new Expression.Arithmetic("**", left, unary(true));
        }
        return left;
    }

    /**
     * @param filtered whether filters and tests after the operand belong to it; after a sign they belong to the whole
     */
    private Expression unary(boolean filtered) {
        Expression operand;
        if (tokens.peek().isOperator("-") || tokens.peek().isOperator("+")) {
            boolean negative = tokens.next().isOperator("-");
            operand = new Expression.Signed(negative, unary(false));
        } else {
            operand = postfix();
        }
        return filtered ? filtersAndTests(operand) : operand;
    }

    /** An operand with its attributes, subscripts and calls. */
    private Expression postfix() {
        Expression operand = primary();
        while (true) {
            if (tokens.skipOperator(".")) {
                operand = attribute(operand);
            } else if (tokens.skipOperator("[")) {
                operand = subscript(operand);
            } else if (tokens.peek().isOperator("(")) {
                operand = new Expression.Call(operand, arguments());
            } else {
                return operand;
            }
        }
    }

    /** Parses the macro of a {@code call} block, up to its arguments. */
    Expression macro() {
        Expression macro = primary();
        while (tokens.skipOperator(".")) {
            macro = attribute(macro);
        }
        return macro;
    }

    private Expression attribute(Expression object) {
        Token name = tokens.next();
        if (name.is(Kind.INTEGER)) {
            return new Expression.Subscript(object, new Literal(integer(name)));
        }
        if (!name.is(Kind.NAME)) {
            throw JinjaException.at(name.line(), "expected the name of an attribute after '.'");
        }
        return new Expression.Attribute(object, name.text());
    }

    private Expression subscript(Expression object) {
        Expression none = new Literal(None.NONE);
        Expression first = tokens.peek().isOperator(":") ? none : expression();
        if (!tokens.skipOperator(":")) {
            tokens.expectOperator("]");
            return new Expression.Subscript(object, first);
        }
        Expression stop = tokens.peek().isOperator(":") || tokens.peek().isOperator("]") ? none : expression();
        Expression step = tokens.skipOperator(":") && !tokens.peek().isOperator("]") ? expression() : none;
        tokens.expectOperator("]");
        return new Expression.Slice(object, first, stop, step);
    }

    /** Parses a parenthesized argument list. */
    ArgumentList arguments() {
        tokens.expectOperator("(");
        List<Expression> positional = new ArrayList<>();
        Map<String, Expression> named = new LinkedHashMap<>();
        while (!tokens.skipOperator(")")) {
            if (tokens.peek().isOperator("*") || tokens.peek().isOperator("**")) {
                throw JinjaException.at(tokens.peek().line(), "unpacking arguments with '*' is not supported");
            }
            if (tokens.peek().is(Kind.NAME) && tokens.peekSecond().isOperator("=")) {
                String name = tokens.next().text();
                tokens.next();
                named.put(name, expression());
            } else if (named.isEmpty()) {
                positional.add(expression());
            } else {
                throw tokens.unexpected("expected a named argument");
            }
            commaOrEnd(")");
        }
        return new ArgumentList(positional, named);
    }

    /** Parses the filters of a {@code filter} or {@code set} block, of which the first has no bar before it. */
    Expression blockFilters(Expression body) {
        return filtersAndTests(filter(body));
    }

    private Expression filtersAndTests(Expression operand) {
        Expression filtered = operand;
        while (true) {
            if (tokens.skipOperator("|")) {
                filtered = filter(filtered);
            } else if (tokens.skipName("is")) {
                filtered = test(filtered);
            } else if (tokens.peek().isOperator("(")) {
                filtered = new Expression.Call(filtered, arguments());
            } else {
                return filtered;
            }
        }
    }

    private Expression filter(Expression value) {
        Token name = tokens.expect(Kind.NAME, "the name of a filter");
        Filters.Filter filter = Filters.find(name.text())
                .orElseThrow(() -> JinjaException.at(name.line(), Filters.unsupported(name.text())));
        ArgumentList arguments = tokens.peek().isOperator("(") ? arguments() : ArgumentList.EMPTY;
        return new Expression.Filtered(value, name.text(), filter, arguments);
    }

    private Expression test(Expression value) {
        boolean negated = tokens.skipName("not");
        Token name = tokens.expect(Kind.NAME, "the name of a test");
        ValueTests.ValueTest test = ValueTests.find(name.text())
                .orElseThrow(() -> JinjaException.at(name.line(), ValueTests.unsupported(name.text())));
        ArgumentList arguments = ArgumentList.EMPTY;
        if (tokens.peek().isOperator("(")) {
            arguments = arguments();
        } else if (tokens.peek().isName("is")) {
            throw tokens.unexpected("expected a single test, because tests cannot be chained");
        } else if (beginsTestArgument(tokens.peek())) {
            arguments = new ArgumentList(List.of(postfix()), Map.of());
        }
        return new Expression.Tested(value, negated, test, arguments);
    }

    /**
     * Whether a token after the name of a test begins an argument without parentheses, as in {@code is divisibleby 2}.
     */
    private static boolean beginsTestArgument(Token token) {
        return switch (token.kind()) {
            case STRING, INTEGER, FLOAT -> true;
            case OPERATOR -> token.text().equals("[") || token.text().equals("{");
            case NAME -> !List.of("else", "or", "and").contains(token.text());
            default -> false;
        };
    }

    private Expression primary() {
        Token token = tokens.next();
        switch (token.kind()) {
            case NAME:
                Object constant = CONSTANTS.get(token.text());
                return constant != null ? new Literal(constant) : new Expression.Variable(token.text());
            case STRING:
                StringBuilder text = new StringBuilder(token.text());
                while (tokens.peek().is(Kind.STRING)) {
                    text.append(tokens.next().text());
                }
                return new Literal(text.toString());
            case INTEGER:
                return new Literal(integer(token));
            case FLOAT:
                return new Literal(Double.parseDouble(token.text()));
            default:
                return display(token);
        }
    }

    private static long integer(Token token) {
        String digits = token.text().toLowerCase(Locale.ROOT);
        int radix = digits.startsWith("0x") ? 16 : digits.startsWith("0o") ? 8 : digits.startsWith("0b") ? 2 : 10;
        try {
            return Long.parseLong(radix == 10 ? digits : digits.substring(2), radix);
        } catch (NumberFormatException e) {
            throw JinjaException.at(token.line(), "an integer of more than 64 bits");
        }
    }

    /** Parses what follows an opening bracket: a parenthesized expression, a tuple, a list or a dictionary. */
    private Expression display(Token opening) {
        if (opening.isOperator("(")) {
            if (tokens.skipOperator(")")) {
                return new Literal(new Tuple(List.of()));
            }
            Expression inner = tuple(true);
            tokens.expectOperator(")");
            return inner;
        }
        if (opening.isOperator("[")) {
            List<Expression> elements = new ArrayList<>();
            while (!tokens.skipOperator("]")) {
                elements.add(expression());
                commaOrEnd("]");
            }
            return new Expression.ListDisplay(elements);
        }
        if (opening.isOperator("{")) {
            List<Entry> entries = new ArrayList<>();
            while (!tokens.skipOperator("}")) {
                Expression key = expression();
                tokens.expectOperator(":");
                entries.add(new Entry(key, expression()));
                commaOrEnd("}");
            }
            return new Expression.DictionaryDisplay(entries);
        }
        throw JinjaException.at(opening.line(), "expected an expression, found " + opening.description());
    }

    private void commaOrEnd(String closing) {
        if (!tokens.peek().isOperator(closing)) {
            tokens.expectOperator(",");
        }
    }
}
