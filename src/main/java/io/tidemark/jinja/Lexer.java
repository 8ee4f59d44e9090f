package io.tidemark.jinja;

import io.tidemark.jinja.Token.Kind;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Splits a template into tokens, with {@code trim_blocks} and {@code lstrip_blocks} on as in transformers: the first
 * newline after a tag is removed, and so is the white space before a tag that is the first on its line. A minus sign at
 * the border of a tag removes all white space on that side; a plus sign keeps it.
 */
final class Lexer {

    private static final Pattern RAW = Pattern.compile("\\{%[-+]?\\s*raw\\s*(-%}\\s*|%})");
    private static final Pattern END_RAW = Pattern.compile("\\{%([-+]?)\\s*endraw\\s*(\\+%}|-%}\\s*|%}\\n?)");
    private static final Pattern COMMENT_END = Pattern.compile("\\+#}|-#}\\s*|#}\\n?");
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
    private int at;
    private int line = 1;

    private Lexer(String source) {
        this.source = source;
        this.matcher = SPACE.matcher(source).useTransparentBounds(true);
    }

    /**
     * The tokens of a template; the last one is {@link Kind#END}. One newline at the end of the template is ignored.
     */
    static List<Token> tokens(String template) {
        String text = template.replace("\r\n", "\n").replace('\r', '\n');
        Lexer lexer = new Lexer(text.endsWith("\n") ? text.substring(0, text.length() - 1) : text);
        lexer.run();
        return lexer.tokens;
    }

    private void run() {
        for (int open = nextOpening(); open >= 0; open = nextOpening()) {
            addText(textBefore(open));
            advance(open);
            char kind = source.charAt(open + 1);
            if (kind == '#') {
                skipComment();
            } else if (kind == '{') {
                code(Kind.PRINT_BEGIN, Kind.PRINT_END, PRINT_END, "an expression is not closed: '}}' is missing");
            } else if (matches(RAW)) {
                raw();
            } else {
                code(Kind.TAG_BEGIN, Kind.TAG_END, TAG_END, "a tag is not closed: '%}' is missing");
            }
        }
        addText(source.substring(at));
        add(Kind.END, "");
    }

    /** The index of the next <code>{{</code>, <code>{%</code> or <code>{#</code>; -1 when there is none. */
    private int nextOpening() {
        for (int i = source.indexOf('{', at); i >= 0 && i + 1 < source.length(); i = source.indexOf('{', i + 1)) {
            if ("{%#".indexOf(source.charAt(i + 1)) >= 0) {
                return i;
            }
        }
        return -1;
    }

    /** The text up to the opening, without the white space that the opening removes. */
    private String textBefore(int open) {
        String text = source.substring(at, open);
        char sign = open + 2 < source.length() ? source.charAt(open + 2) : ' ';
        if (sign == '-') {
            return PythonStrings.stripRight(text);
        }
        if (sign == '+' || source.charAt(open + 1) == '{') {
            return text;
        }
        int start = text.lastIndexOf('\n') + 1;
        boolean beginsLine = start > 0 || at == 0 || source.charAt(at - 1) == '\n';
        boolean blank = text.substring(start).codePoints().allMatch(PythonStrings::isSpace);
        return beginsLine && blank ? text.substring(0, start) : text;
    }

    private void skipComment() {
        Matcher end = COMMENT_END.matcher(source);
        if (!end.find(at + 2)) {
            throw JinjaException.at(line, "a comment is not closed: '#}' is missing");
        }
        advance(end.end());
    }

    private void raw() {
        Matcher end = END_RAW.matcher(source);
        if (!end.find(at)) {
            throw JinjaException.at(line, "'raw' is not closed: 'endraw' is missing");
        }
        String text = source.substring(at, end.start());
        addText(end.group(1).equals("-") ? PythonStrings.stripRight(text) : text);
        advance(end.end());
    }

    /** Adds the tokens of a tag or a printed expression. The closing mark counts only outside of brackets. */
    private void code(Kind begin, Kind end, Pattern closing, String notClosed) {
        add(begin, "");
        at += 2;
        if (at < source.length() && "-+".indexOf(source.charAt(at)) >= 0) {
            at++;
        }
        Deque<String> brackets = new ArrayDeque<>();
        while (!brackets.isEmpty() || !matches(closing)) {
            if (at >= source.length()) {
                throw JinjaException.at(line, notClosed);
            }
            codeToken(brackets);
        }
        add(end, "");
    }

    private void codeToken(Deque<String> brackets) {
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
            add(Kind.STRING, unescape(matcher.group()));
        } else if (matches(OPERATOR)) {
            trackBrackets(matcher.group(), brackets);
            add(Kind.OPERATOR, matcher.group());
        } else {
            throw JinjaException.at(line, "unexpected character '" + Character.toString(source.codePointAt(at)) + "'");
        }
    }

    /** @param brackets the closing brackets that are still expected, the innermost first */
    private void trackBrackets(String operator, Deque<String> brackets) {
        switch (operator) {
            case "(" -> brackets.push(")");
            case "{" -> brackets.push("}");
            case "[" -> brackets.push("]");
            case ")", "}", "]" -> {
                if (brackets.isEmpty() || !brackets.pop().equals(operator)) {
                    throw JinjaException.at(line, "'" + operator + "' has no opening bracket");
                }
            }
            default -> {}
        }
    }

    /** Consumes what the pattern matches at the current position, and returns whether it matches. */
    private boolean matches(Pattern pattern) {
        matcher.usePattern(pattern).region(at, source.length());
        if (!matcher.lookingAt()) {
            return false;
        }
        advance(matcher.end());
        return true;
    }

    private void advance(int to) {
        line += (int) source.substring(at, to).chars().filter(c -> c == '\n').count();
        at = to;
    }

    private void addText(String text) {
        if (!text.isEmpty()) {
            add(Kind.TEXT, text);
        }
    }

    private void add(Kind kind, String text) {
        tokens.add(new Token(kind, text, line));
    }

    /** The value of a quoted string, with Python's escape sequences. An unknown sequence is kept with its backslash. */
    private String unescape(String quoted) {
        StringBuilder value = new StringBuilder();
        int end = quoted.length() - 1;
        for (int i = 1; i < end; i++) {
            char c = quoted.charAt(i);
            if (c != '\\') {
                value.append(c);
                continue;
            }
            i++;
            char escaped = quoted.charAt(i);
            int simple = "\\'\"abfnrtv".indexOf(escaped);
            int digits = escaped == 'x' ? 2 : escaped == 'u' ? 4 : escaped == 'U' ? 8 : 0;
            if (simple >= 0) {
                value.append("\\'\"\u0007\b\f\n\r\t\u000b".charAt(simple));
            } else if (digits > 0) {
                value.appendCodePoint(codePoint(quoted, i + 1, i + 1 + digits, 16));
                i += digits;
            } else if (escaped >= '0' && escaped <= '7') {
                int last = i + 1;
                while (last < Math.min(i + 3, end) && quoted.charAt(last) >= '0' && quoted.charAt(last) <= '7') {
                    last++;
                }
                value.appendCodePoint(codePoint(quoted, i, last, 8));
                i = last - 1;
            } else if (escaped != '\n') {
                value.append('\\').append(escaped);
            }
        }
        return value.toString();
    }

    private int codePoint(String quoted, int from, int to, int radix) {
        try {
            int code = Integer.parseInt(quoted.substring(from, Math.min(to, quoted.length() - 1)), radix);
            if (to < quoted.length() && Character.isValidCodePoint(code)) {
                return code;
            }
        } catch (NumberFormatException e) {
            // reported below, like a code point that is out of range
        }
        throw JinjaException.at(line, "invalid escape sequence in a string");
    }
}
