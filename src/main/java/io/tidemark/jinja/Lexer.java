package io.tidemark.jinja;

import io.tidemark.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cuts a template into tokens with {@code trim_blocks} and {@code lstrip_blocks} on, as transformers sets them: a newline
 * behind a tag goes, and so does the white space before a tag that begins its line. A minus at a tag's border takes all
 * white space there, a plus keeps it.
 */
final class Lexer {

    private static final Pattern RAW = Pattern.compile("\\{%[-+]?\\s*raw\\s*(-%}\\s*|%})");
    private static final Pattern END_RAW = Pattern.compile("\\{%([-+]?)\\s*endraw\\s*(\\+%}|-%}\\s*|%}\\n?)");
    private static final Pattern COMMENT_END = Pattern.compile("\\+#}|-#}\\s*|#}\\n?");

    private final String source;
    private final List<Token> tokens = new ArrayList<>();
    private int at;
    private int line = 1;
    private boolean lineBegins = true;

    private Lexer(String source) {
        this.source = source;
    }

    static List<Token> tokens(String template) {
        String text = template.replace("\r\n", "\n").replace('\r', '\n');
        Lexer lexer = new Lexer(text.endsWith("\n") ? text.substring(0, text.length() - 1) : text);
        lexer.run();
        return lexer.tokens;
    }

    private void run() {
        while (at < source.length()) {
            int open = nextOpening(at);
            if (open < 0) {
                emit(Kind.TEXT, source.substring(at));
                at = source.length();
                break;
            }
            text(source.substring(at, open), open);
            skip(open - at);
            char kind = source.charAt(open + 1);
            if (kind == '#') {
                skipTo(COMMENT_END, "a comment that is not closed");
            } else if (!(kind == '%' && raw())) {
                code(kind == '%');
            }
        }
        emit(Kind.END, "");
    }

    private int nextOpening(int from) {
        for (int i = source.indexOf('{', from); i >= 0 && i + 1 < source.length(); i = source.indexOf('{', i + 1)) {
            if ("{%#".indexOf(source.charAt(i + 1)) >= 0) {
                return i;
            }
        }
        return -1;
    }

    /** Text before an opening at {@code open}. */
    private void text(String text, int open) {
        char sign = open + 2 < source.length() ? source.charAt(open + 2) : ' ';
        boolean print = source.charAt(open + 1) == '{';
        String kept = text;
        if (sign == '-') {
            kept = PythonStrings.rightStripped(text);
        } else if (sign != '+' && !print) {
            int start = text.lastIndexOf('\n') + 1;
            if ((start > 0 || lineBegins) && text.substring(start).codePoints().allMatch(PythonStrings::isSpace)) {
                kept = text.substring(0, start);
            }
        }
        emit(Kind.TEXT, kept);
    }

    private boolean raw() {
        Matcher begin = RAW.matcher(source).region(at, source.length());
        if (!begin.lookingAt()) {
            return false;
        }
        skip(begin.end() - at);
        Matcher end = END_RAW.matcher(source);
        if (!end.find(at)) {
            throw JinjaException.at(line, "'raw' is not closed");
        }
        String text = source.substring(at, end.start());
        emit(Kind.TEXT, end.group(1).equals("-") ? PythonStrings.rightStripped(text) : text);
        skip(end.end() - at);
        return true;
    }

    private void skipTo(Pattern end, String missing) {
        Matcher found = end.matcher(source);
        if (!found.find(Math.min(at + 2, source.length()))) {
            throw JinjaException.at(line, missing);
        }
        skip(found.end() - at);
    }

    private void code(boolean tag) {
        emit(tag ? Kind.TAG_BEGIN : Kind.PRINT_BEGIN, "");
        skip(2);
        if (at < source.length() && "-+".indexOf(source.charAt(at)) >= 0) {
            skip(1);
        }
        CodeLexer code = new CodeLexer(source, at, line, tag);
        tokens.addAll(code.tokens());
        skip(code.end() - at);
    }

    private void emit(Kind kind, String text) {
        if (kind != Kind.TEXT || !text.isEmpty()) {
            tokens.add(new Token(kind, text, line));
        }
    }

    private void skip(int length) {
        if (length > 0) {
            String passed = source.substring(at, at + length);
            line += (int) passed.chars().filter(c -> c == '\n').count();
            lineBegins = passed.endsWith("\n");
            at += length;
        }
    }
}
