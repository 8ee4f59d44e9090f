package io.tidemark.adapter;

import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A regular expression of an adapter's config that is matched against module names.
 *
 * <p>Adapter configs are untrusted input, and a short expression can cause exponential backtracking. A match that reads
 * more than {@code MAX_READS} characters is therefore refused.
 */
final class ModuleRegex {

    private static final int MAX_LENGTH = 100_000;
    private static final int MAX_READS = 1_000_000;

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
     * @throws InvalidAdapterException if it is not a regular expression, or too long
     */
    static ModuleRegex of(Path file, String field, String expression) {
        if (expression.length() > MAX_LENGTH) {
            throw InvalidAdapterException.broken(
                    file,
                    field + " is an expression of " + expression.length() + " characters, more than " + MAX_LENGTH);
        }
        try {
            return new ModuleRegex(file, field, Pattern.compile(expression));
        } catch (PatternSyntaxException | StackOverflowError e) {
            throw InvalidAdapterException.broken(file, field + " is not a regular expression: " + expression, e);
        }
    }

    /** Whether the expression matches the whole name. */
    boolean matches(String module) {
        return match(module, Matcher::matches).isPresent();
    }

    /** Whether the expression matches a prefix of the name. */
    boolean matchesPrefix(String module) {
        return prefixMatch(module).isPresent();
    }

    /** The match of a prefix of the name. */
    Optional<Matcher> prefixMatch(String module) {
        return match(module, Matcher::lookingAt);
    }

    private Optional<Matcher> match(String module, Predicate<Matcher> operation) {
        Matcher matcher = pattern.matcher(new CountedSequence(module));
        try {
            return operation.test(matcher) ? Optional.of(matcher) : Optional.empty();
        } catch (TooManyReads | StackOverflowError e) {
            throw InvalidAdapterException.broken(
                    file, field + " takes too long to match '" + module + "': " + pattern, e);
        }
    }

    private static final class TooManyReads extends RuntimeException {

        private static final long serialVersionUID = 1L;

        TooManyReads() {
            super("more than " + MAX_READS + " characters were read", null, false, false);
        }
    }

    /** Counts the characters that a matcher reads, the only measure of its work that is visible from outside. */
    private static final class CountedSequence implements CharSequence {

        private final String text;
        private int reads;

        CountedSequence(String text) {
            this.text = text;
        }

        @Override
        public int length() {
            return text.length();
        }

        @Override
        public char charAt(int index) {
            reads++;
            if (reads > MAX_READS) {
                throw new TooManyReads();
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
