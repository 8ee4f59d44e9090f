package io.tidemark.jinja;

import java.math.BigDecimal;
import java.math.MathContext;

/** Arithmetic as Python defines it, and how it writes floats. */
final class Numbers {

    private Numbers() {}

    static int compare(Object left, Object right) {
        if (Values.isInteger(left) && Values.isInteger(right)) {
            return Long.compare(Values.integer(left, ""), Values.integer(right, ""));
        }
        return real(left) == real(right) ? 0 : real(left) < real(right) ? -1 : 1;
    }

    /** One of {@code + - * / // % **} on two numbers. */
    static Object apply(String operator, Object left, Object right) {
        boolean division = operator.equals("/") || operator.equals("//") || operator.equals("%");
        if (division && real(right) == 0) {
            throw JinjaException.because("division by zero");
        }
        boolean power = operator.equals("**");
        if (Values.isInteger(left) && Values.isInteger(right) && !operator.equals("/") && !(power && real(right) < 0)) {
            return integers(operator, Values.integer(left, ""), Values.integer(right, ""));
        }
        double a = real(left);
        double b = real(right);
        return switch (operator) {
            case "+" -> a + b;
            case "-" -> a - b;
            case "*" -> a * b;
            case "/" -> a / b;
            case "//" -> Math.floor(a / b);
            case "%" -> a - b * Math.floor(a / b);
            default -> Math.pow(a, b);
        };
    }

    private static Object integers(String operator, long a, long b) {
        try {
            return switch (operator) {
                case "+" -> Math.addExact(a, b);
                case "-" -> Math.subtractExact(a, b);
                case "*" -> Math.multiplyExact(a, b);
                case "//" -> Math.floorDiv(a, b);
                case "%" -> Math.floorMod(a, b);
                default ->
                    java.math.BigInteger.valueOf(a).pow((int) Math.min(b, 4096)).longValueExact();
            };
        } catch (ArithmeticException e) {
            throw JinjaException.because("an integer beyond 64 bits");
        }
    }

    static double real(Object number) {
        if (number instanceof Boolean flag) {
            return flag ? 1 : 0;
        }
        return ((Number) number).doubleValue();
    }

    /** The shortest digits that read back as the same number, in Python's layout. */
    static String written(double value) {
        if (Double.isNaN(value)) {
            return "nan";
        }
        if (Double.isInfinite(value)) {
            return value > 0 ? "inf" : "-inf";
        }
        if (value == 0) {
            return 1 / value < 0 ? "-0.0" : "0.0";
        }
        BigDecimal shortest = new BigDecimal(value);
        for (int digits = 1; digits <= 17; digits++) {
            BigDecimal rounded = new BigDecimal(value).round(new MathContext(digits));
            if (rounded.doubleValue() == value) {
                shortest = rounded.stripTrailingZeros();
                break;
            }
        }
        int exponent = shortest.precision() - shortest.scale() - 1;
        if (exponent >= -4 && exponent < 16) {
            String plain = shortest.toPlainString();
            return plain.contains(".") ? plain : plain + ".0";
        }
        String digits = shortest.unscaledValue().abs().toString();
        String mantissa = digits.length() == 1 ? digits : digits.charAt(0) + "." + digits.substring(1);
        String sign = exponent < 0 ? "-" : "+";
        return (value < 0 ? "-" : "") + mantissa + "e" + sign + (Math.abs(exponent) < 10 ? "0" : "")
                + Math.abs(exponent);
    }
}
