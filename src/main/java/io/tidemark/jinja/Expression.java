package io.tidemark.jinja;

import io.tidemark.jinja.PyObject.Callable;
import io.tidemark.jinja.PyObject.Markup;
import io.tidemark.jinja.PyObject.Tuple;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A node of the syntax tree that has a value. */
sealed interface Expression {

    Object evaluate(Scope scope);

    record Literal(Object value) implements Expression {
        @Override
        public Object evaluate(Scope scope) {
            return value;
        }
    }

    record Variable(String name) implements Expression {
        @Override
        public Object evaluate(Scope scope) {
            return scope.get(name);
        }
    }

    record ListDisplay(List<Expression> elements) implements Expression {
        @Override
        public Object evaluate(Scope scope) {
            return evaluateAll(elements, scope);
        }
    }

    record TupleDisplay(List<Expression> elements) implements Expression {
        @Override
        public Object evaluate(Scope scope) {
            return new Tuple(evaluateAll(elements, scope));
        }
    }

    record DictionaryDisplay(List<Entry> entries) implements Expression {

        record Entry(Expression key, Expression value) {}

        @Override
        public Object evaluate(Scope scope) {
            Map<Object, Object> dictionary = new LinkedHashMap<>();
            entries.forEach(entry ->
                    dictionary.put(entry.key().evaluate(scope), entry.value().evaluate(scope)));
            return dictionary;
        }
    }

    /** {@code object.name}. */
    record Attribute(Expression object, String name) implements Expression {
        @Override
        public Object evaluate(Scope scope) {
            return Attributes.attribute(object.evaluate(scope), name);
        }
    }

    /** {@code object[key]}. */
    record Subscript(Expression object, Expression key) implements Expression {
        @Override
        public Object evaluate(Scope scope) {
            return Attributes.subscript(object.evaluate(scope), key.evaluate(scope));
        }
    }

    /** {@code object[start:stop:step]}. */
    record Slice(Expression object, Expression start, Expression stop, Expression step) implements Expression {
        @Override
        public Object evaluate(Scope scope) {
            return Attributes.slice(
                    object.evaluate(scope), start.evaluate(scope), stop.evaluate(scope), step.evaluate(scope));
        }
    }

    /** The argument list of a call, a filter or a test. */
    record ArgumentList(List<Expression> positional, Map<String, Expression> named) {

        static final ArgumentList EMPTY = new ArgumentList(List.of(), Map.of());

        Arguments evaluate(Scope scope) {
            Map<String, Object> values = new LinkedHashMap<>();
            named.forEach((name, value) -> values.put(name, value.evaluate(scope)));
            return new Arguments(evaluateAll(positional, scope), values);
        }
    }

    record Call(Expression function, ArgumentList arguments) implements Expression {
        @Override
        public Object evaluate(Scope scope) {
            Object called = Values.requireDefined(function.evaluate(scope));
            if (called instanceof Callable callable) {
                scope.checkpoint();
                return callable.call(arguments.evaluate(scope));
            }
            throw new JinjaException("'" + Values.type(called) + "' object is not callable");
        }
    }

    /** {@code value | name(arguments)}. */
    record Filtered(Expression value, String name, Filters.Filter filter, ArgumentList arguments)
            implements Expression {
        @Override
        public Object evaluate(Scope scope) {
            Object filtered = value.evaluate(scope);
            if (filtered instanceof Markup && !Filters.supportsMarkup(name)) {
                throw new JinjaException("filter '" + name + "' is not supported on the result of 'safe'");
            }
            Arguments given = arguments.evaluate(scope);
            scope.checkpoint();
            return filter.apply(filtered, given);
        }
    }

    /** {@code value is test(arguments)}, or {@code is not}. */
    record Tested(Expression value, boolean negated, ValueTests.ValueTest test, ArgumentList arguments)
            implements Expression {
        @Override
        public Object evaluate(Scope scope) {
            return negated != test.holds(value.evaluate(scope), arguments.evaluate(scope));
        }
    }

    /** {@code -operand} or {@code +operand}. */
    record Signed(boolean negative, Expression operand) implements Expression {
        @Override
        public Object evaluate(Scope scope) {
            Object negated = Operators.negate(operand.evaluate(scope));
            return negative ? negated : Operators.negate(negated);
        }
    }

    record Arithmetic(String operator, Expression left, Expression right) implements Expression {
        @Override
        public Object evaluate(Scope scope) {
            return Operators.arithmetic(operator, left.evaluate(scope), right.evaluate(scope));
        }
    }

    /** {@code a ~ b ~ c}: the operands as strings, concatenated. */
    record Concatenation(List<Expression> operands) implements Expression {
        @Override
        public Object evaluate(Scope scope) {
            StringBuilder text = new StringBuilder();
            operands.forEach(operand -> text.append(Printer.str(operand.evaluate(scope))));
            return text.toString();
        }
    }

    /**
     * {@code a < b < c}: true if each operand compares with the next one. Evaluation stops at the first that does not.
     */
    record Comparison(Expression first, List<Right> rest) implements Expression {

        record Right(String operator, Expression operand) {}

        @Override
        public Object evaluate(Scope scope) {
            Object left = first.evaluate(scope);
            for (Right each : rest) {
                Object right = each.operand().evaluate(scope);
                if (!Operators.compare(each.operator(), left, right)) {
                    return false;
                }
                left = right;
            }
            return true;
        }
    }

    record Not(Expression operand) implements Expression {
        @Override
        public Object evaluate(Scope scope) {
            return !Values.isTrue(operand.evaluate(scope));
        }
    }

    record And(Expression left, Expression right) implements Expression {
        @Override
        public Object evaluate(Scope scope) {
            Object value = left.evaluate(scope);
            return Values.isTrue(value) ? right.evaluate(scope) : value;
        }
    }

    record Or(Expression left, Expression right) implements Expression {
        @Override
        public Object evaluate(Scope scope) {
            Object value = left.evaluate(scope);
            return Values.isTrue(value) ? value : right.evaluate(scope);
        }
    }

    /** {@code then if condition else otherwise}. */
    record Conditional(Expression condition, Expression then, Expression otherwise) implements Expression {
        @Override
        public Object evaluate(Scope scope) {
            return (Values.isTrue(condition.evaluate(scope)) ? then : otherwise).evaluate(scope);
        }
    }

    private static List<Object> evaluateAll(List<Expression> expressions, Scope scope) {
        List<Object> values = new ArrayList<>(expressions.size());
        expressions.forEach(each -> values.add(each.evaluate(scope)));
        return values;
    }
}
