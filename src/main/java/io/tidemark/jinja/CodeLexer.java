package io.tidemark.jinja;

import io.tidemark.jinja.Token.Kind;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Cuts what is between {@code {{} and {@code }}}, or {@code {%} and {@code %}}, into tokens. */
final class CodeLexer {

    private static final Pattern TAG_END = Pattern.compile("\\+%}|-%}\\s*|%}\\n?");
    private static final Pattern PRINT_END = Pattern.compile("-}}\\s*|}}");
    private static final Pattern SPACE = Pattern.compile("\\s+");
    private static final Pattern NAME = Pattern.compile("[\\p{L}\\p{Nl}_][\\p{L}\\p{Nl}\\p{Nd}\\p{Mn}\\p{Mc}_]*+");
    private static final Pattern FLOAT =
            Pattern.compile("(?<!\\.)(\\d+_)*\\d+((\\.(\\d+_)*\\d+)?[eE][+-]?(\\d+_)*\\d+|\\.(\\d+_)*\\d+)");
    private static final Pattern INTEGER =
            Pattern.compile("0[bB](_?[01])+|0[oO](_?[0-7])+|0[xX](_?[0-9a-fA-F])+|[1-9](_?\\d)*+|0(_?0)*+");
    private static final Pattern STRING =
            Pattern.compile("'(?:[^'\\\\]|\\\\.)*+'|\"(?:[^\"\\\\]|\\\\.)*+\"", Pattern.DOTALL);
    private static final Pattern OPERATOR = Pattern.compile("\\*\\*|//|==|!=|<=|>=|[-+*/%~<>=.,:|(){}\\[\\];]");

    private final String source;
    private final Matcher matcher;
    private final List<Token> tokens = new ArrayList<>();
    private final Deque<String> open = new ArrayDeque<>();
    private int at;
    private int line;

    CodeLexer(String source, int from, int firstLine, boolean tag) {
        this.source = source;
        this.matcher = SPACE.matcher(source);
        this.at = from;
        this.line = firstLine;
        while (!open.isEmpty() || !matches(tag ? TAG_END : PRINT_END)) {
            if (at >= source.length()) {
                throw JinjaException.at(line, tag ? "a tag is not closed" : "an expression is not closed");
            }
            token();
        }
        tokens.add(new Token(tag ? Kind.TAG_END : Kind.PRINT_END, "", line));
    }

    List<Token> tokens() {
        return tokens;
    }

    /** Behind the closing mark and the white space that it takes with it. */
    int end() {
        return at;
    }

    private void token() {
        if (matches(SPACE)) {
            return;
        }
        if (matches(FLOAT)) {
            add(Kind.FLOAT, matcher.group().replace("_", ""));
        } else if (matches(INTEGER)) {
            add(Kind.INTEGER, matcher.group().replace("_", ""));
        } else if (matches(NAME)) {
            add(Kind.NAME, matcher.group());
        } else if (matches(STRING)) {
            add(Kind.STRING, StringLiteral.value(matcher.group(), line));
        } else if (matches(OPERATOR)) {
            balance(matcher.group());
            add(Kind.OPERATOR, matcher.group());
        } else {
            throw JinjaException.at(
                    line, "the character '" + Character.toString(source.codePointAt(at)) + "' is not understood");
        }
    }

    private void balance(String operator) {
        int opening = "({[".indexOf(operator);
        if (operator.length() == 1 && opening >= 0) {
            open.push(String.valueOf(")}]".charAt(opening)));
        } else if (operator.length() == 1 && ")}]".contains(operator)) {
            if (open.isEmpty() || !open.pop().equals(operator)) {
                throw JinjaException.at(line, "'" + operator + "' closes nothing");
            }
        }
    }

    private boolean matches(Pattern pattern) {
        matcher.usePattern(pattern).region(at, source.length()).useTransparentBounds(true);
        if (!matcher.lookingAt()) {
            return false;
        }
        line += (int) matcher.group().chars().filter(c -> c == '\n').count();
        at = matcher.end();
        return true;
    }

    private void add(Kind kind, String text) {
        tokens.add(new Token(kind, text, line));
    }
}
