package io.tidemark.jinja;

import java.util.List;
import java.util.Map;

/** Equality, order and membership as Python defines them. */
final class Comparison {

    private Comparison() {}

    static boolean equal(Object one, Object other) {
        Object left = Markup.plain(one);
        Object right = Markup.plain(other);
        if (Values.isNumber(left) && Values.isNumber(right)) {
            return Numbers.compare(left, right) == 0;
        }
        if (left instanceof Undefined || right instanceof Undefined) {
            return left instanceof Undefined && right instanceof Undefined;
        }
        if (left instanceof List<?> a && right instanceof List<?> b) {
            return equalElements(a, b);
        }
        if (left instanceof Tuple a && right instanceof Tuple b) {
            return equalElements(a.elements(), b.elements());
        }
        if (left instanceof Map<?, ?> a && right instanceof Map<?, ?> b) {
            return a.size() == b.size()
                    && a.entrySet().stream()
                            .allMatch(e -> b.containsKey(e.getKey()) && equal(e.getValue(), b.get(e.getKey())));
        }
        return left instanceof String || left instanceof None ? left.equals(right) : left == right;
    }

    private static boolean equalElements(List<?> left, List<?> right) {
        if (left.size() != right.size()) {
            return false;
        }
        for (int i = 0; i < left.size(); i++) {
            if (!equal(left.get(i), right.get(i))) {
                return false;
            }
        }
        return true;
    }

    /** Negative, zero or positive; strings by code point. */
    static int order(Object one, Object other) {
        Object left = Markup.plain(one);
        Object right = Markup.plain(other);
        if (Values.isNumber(left) && Values.isNumber(right)) {
            return Numbers.compare(left, right);
        }
        if (left instanceof String a && right instanceof String b) {
            return byCodePoint(a, b);
        }
        boolean lists = left instanceof List && right instanceof List;
        if (lists || left instanceof Tuple && right instanceof Tuple) {
            return byElement(Values.elements(left), Values.elements(right));
        }
        throw Operators.unfit("compare", left, right);
    }

    private static int byElement(List<Object> left, List<Object> right) {
        for (int i = 0; i < Math.min(left.size(), right.size()); i++) {
            if (!equal(left.get(i), right.get(i))) {
                return order(left.get(i), right.get(i));
            }
        }
        return Integer.compare(left.size(), right.size());
    }

    private static int byCodePoint(String left, String right) {
        int at = 0;
        while (at < left.length() && at < right.length()) {
            int a = left.codePointAt(at);
            int b = right.codePointAt(at);
            if (a != b) {
                return Integer.compare(a, b);
            }
            at += Character.charCount(a);
        }
        return Integer.compare(left.length(), right.length());
    }

    static boolean contains(Object within, Object wanted) {
        Object container = Markup.plain(within);
        Object element = Markup.plain(wanted);
        if (container instanceof String text) {
            if (element instanceof String part) {
                return text.contains(part);
            }
            throw JinjaException.because(
                    "'in <string>' needs a string on its left, not '" + Values.type(element) + "'");
        }
        if (container instanceof Map<?, ?> map) {
            return map.containsKey(element);
        }
        return Values.elements(container).stream().anyMatch(each -> equal(each, element));
    }
}
