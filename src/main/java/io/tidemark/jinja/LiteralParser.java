package io.tidemark.jinja;

import io.tidemark.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Names, numbers, strings, lists, dictionaries, and what is in parentheses. */
final class LiteralParser {

    private static final Map<String, Object> CONSTANTS =
            Map.of("true", true, "True", true, "false", false, "False", false, "none", None.NONE, "None", None.NONE);

    private final TokenStream tokens;
    private final ExpressionParser expressions;

    LiteralParser(TokenStream tokens, ExpressionParser expressions) {
        this.tokens = tokens;
        this.expressions = expressions;
    }

    static List<Object> values(List<Expression> expressions, Scope scope) {
        List<Object> values = new ArrayList<>(expressions.size());
        expressions.forEach(each -> values.add(each.value(scope)));
        return values;
    }

    Expression primary() {
        Token token = tokens.next();
        switch (token.kind()) {
            case NAME:
                Object constant = CONSTANTS.get(token.text());
                return constant != null ? scope -> constant : scope -> scope.find(token.text());
            case STRING:
                StringBuilder text = new StringBuilder(token.text());
                while (tokens.peek().is(Kind.STRING)) {
                    text.append(tokens.next().text());
                }
                return constant(text.toString());
            case INTEGER:
                return constant(integer(token));
            case FLOAT:
                return constant(Double.parseDouble(token.text()));
            default:
                return bracketed(token);
        }
    }

    private static Expression constant(Object value) {
        return scope -> value;
    }

    static long integer(Token token) {
        String digits = token.text().toLowerCase(Locale.ROOT);
        int radix = digits.startsWith("0x") ? 16 : digits.startsWith("0o") ? 8 : digits.startsWith("0b") ? 2 : 10;
        try {
            return Long.parseLong(radix == 10 ? digits : digits.substring(2), radix);
        } catch (NumberFormatException e) {
            throw JinjaException.at(token.line(), "an integer beyond 64 bits");
        }
    }

    private Expression bracketed(Token opening) {
        if (opening.isOperator("(")) {
            if (tokens.skipOperator(")")) {
                return constant(new Tuple(List.of()));
            }
            Expression inner = expressions.listed(true);
            tokens.expectOperator(")");
            return inner;
        }
        if (opening.isOperator("[")) {
            List<Expression> elements = new ArrayList<>();
            while (!tokens.skipOperator("]")) {
                elements.add(expressions.expression());
                separated("]");
            }
            return scope -> values(elements, scope);
        }
        if (opening.isOperator("{")) {
            return dictionary();
        }
        throw JinjaException.at(
                opening.line(),
                "expected an expression, not "
                        + (opening.is(Kind.TAG_END) || opening.is(Kind.PRINT_END) ? "the tag's end" : opening.words()));
    }

    private Expression dictionary() {
        Map<Expression, Expression> entries = new LinkedHashMap<>();
        while (!tokens.skipOperator("}")) {
            Expression key = expressions.expression();
            tokens.expectOperator(":");
            entries.put(key, expressions.expression());
            separated("}");
        }
        return scope -> {
            Map<Object, Object> dictionary = new LinkedHashMap<>();
            entries.forEach((key, value) -> dictionary.put(key.value(scope), value.value(scope)));
            return dictionary;
        };
    }

    private void separated(String closing) {
        if (!tokens.peek().isOperator(closing)) {
            tokens.expectOperator(",");
        }
    }
}
