package io.tidemark.adapter;

import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A regular expression of an adapter's config, over the name of a module. Configs come from strangers, and an expression of
 * a few characters can keep a matcher busy for years: one that looks at a name too often is refused.
 */
final class ModuleRegex {

    private static final int MOST_CHARACTERS = 100_000;
    private static final int MOST_LOOKS = 1_000_000;

    private final Path file;
    private final String field;
    private final Pattern pattern;

    private ModuleRegex(Path file, String field, Pattern pattern) {
        this.file = file;
        this.field = field;
        this.pattern = pattern;
    }

    /**
     * @param field the option that an error names
     * @throws AdapterRefused when it is no regular expression
     */
    static ModuleRegex of(Path file, String field, String expression) {
        if (expression.length() > MOST_CHARACTERS) {
            throw AdapterRefused.broken(
                    file,
                    field + " is an expression of " + expression.length() + " characters, more than "
                            + MOST_CHARACTERS);
        }
        try {
            return new ModuleRegex(file, field, Pattern.compile(expression));
        } catch (PatternSyntaxException | StackOverflowError e) {
            throw AdapterRefused.broken(file, field + " is no regular expression: " + expression, e);
        }
    }

    /** Whether the whole name matches. */
    boolean matches(String module) {
        return matching(module, Matcher::matches).isPresent();
    }

    /** Whether the name's beginning matches. */
    boolean begins(String module) {
        return lookingAt(module).isPresent();
    }

    /** The match of the name's beginning. */
    Optional<Matcher> lookingAt(String module) {
        return matching(module, Matcher::lookingAt);
    }

    private interface Attempt {
        boolean matches(Matcher matcher);
    }

    private Optional<Matcher> matching(String module, Attempt attempt) {
        Matcher matcher = pattern.matcher(new Watched(module));
        try {
            return attempt.matches(matcher) ? Optional.of(matcher) : Optional.empty();
        } catch (LooksTooOften | StackOverflowError e) {
            throw AdapterRefused.broken(file, field + " takes too long to match '" + module + "': " + pattern, e);
        }
    }

    private static final class LooksTooOften extends RuntimeException {

        private static final long serialVersionUID = 1L;

        LooksTooOften() {
            super("looked at a character more than " + MOST_LOOKS + " times", null, false, false);
        }
    }

    /** Counts how often a matcher looks, the only thing in which its work shows. */
    private static final class Watched implements CharSequence {

        private final String text;
        private int looks;

        Watched(String text) {
            this.text = text;
        }

        @Override
        public int length() {
            return text.length();
        }

        @Override
        public char charAt(int index) {
            looks++;
            if (looks > MOST_LOOKS) {
                throw new LooksTooOften();
            }
            return text.charAt(index);
        }

        @Override
        public CharSequence subSequence(int start, int end) {
            return text.subSequence(start, end);
        }

        @Override
        public String toString() {
            return text;
        }
    }
}
