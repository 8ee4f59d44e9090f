package io.tidemark.metric;

import java.math.BigDecimal;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The answer of a GSM8K solution (Cobbe et al. 2021): the first number after {@code ####}. */
public final class FinalAnswer {

    private static final Pattern MARKED = Pattern.compile("####\\s*\\$?(-?[0-9][0-9,]*(?:\\.[0-9]+)?)");
    private static final Pattern NUMBER = Pattern.compile("-?[0-9][0-9,]*(?:\\.[0-9]+)?");

    private FinalAnswer() {}

    /**
     * Returns true if the solution's answer equals the expected number; thousands separators and trailing zeros are
     * ignored.
     *
     * @throws IllegalArgumentException when the expected answer contains no number
     */
    public static boolean matches(String solution, String expected) {
        Matcher number = NUMBER.matcher(expected);
        if (!number.find()) {
            throw new IllegalArgumentException("the expected answer contains no number: '" + expected + "'");
        }
        BigDecimal right = value(number.group());
        return of(solution).filter(answer -> answer.compareTo(right) == 0).isPresent();
    }

    /** Finds the number after the mark of a solution; empty if it has no answer. */
    static Optional<BigDecimal> of(String solution) {
        Matcher marked = MARKED.matcher(solution);
        return marked.find() ? Optional.of(value(marked.group(1))) : Optional.empty();
    }

    private static BigDecimal value(String digits) {
        return new BigDecimal(digits.replace(",", ""));
    }
}
