package io.tidemark.jinja;

import io.tidemark.jinja.PyObject.Callable;
import io.tidemark.jinja.PyObject.LoopContext;
import io.tidemark.jinja.PyObject.Namespace;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A node of the syntax tree that appends to the output, assigns variables, or both. */
sealed interface Statement {

    /**
     * What is executed after a statement: the next statement, or the code after a {@code break} or {@code continue}.
     */
    enum Flow {
        NEXT,
        BREAK,
        CONTINUE
    }

    Flow execute(Scope scope, StringBuilder out);

    /**
     * Executes the statement in this scope and returns its output.
     *
     * @throws JinjaException also if a {@code break} or {@code continue} is outside of a loop
     */
    default String render(Scope scope) {
        StringBuilder out = new StringBuilder();
        if (execute(scope, out) != Flow.NEXT) {
            throw new JinjaException("'break' or 'continue' outside of a loop");
        }
        return out.toString();
    }

    record Text(String text) implements Statement {
        @Override
        public Flow execute(Scope scope, StringBuilder out) {
            out.append(text);
            return Flow.NEXT;
        }
    }

    record Print(Expression expression) implements Statement {
        @Override
        public Flow execute(Scope scope, StringBuilder out) {
            out.append(Printer.str(expression.evaluate(scope)));
            return Flow.NEXT;
        }
    }

    /** Adds a line number to the exceptions of a statement. */
    record Located(int line, Statement statement) implements Statement {
        @Override
        public Flow execute(Scope scope, StringBuilder out) {
            try {
                return statement.execute(scope, out);
            } catch (JinjaException e) {
                throw e.withLine(line);
            }
        }
    }

    record Sequence(List<Statement> statements) implements Statement {
        @Override
        public Flow execute(Scope scope, StringBuilder out) {
            for (Statement statement : statements) {
                Flow flow = statement.execute(scope, out);
                if (flow != Flow.NEXT) {
                    return flow;
                }
            }
            return Flow.NEXT;
        }
    }

    /** {@code break} or {@code continue}. */
    record Jump(Flow flow) implements Statement {
        @Override
        public Flow execute(Scope scope, StringBuilder out) {
            return flow;
        }
    }

    record If(List<Branch> branches, Statement otherwise) implements Statement {

        record Branch(Expression condition, Statement body) {}

        @Override
        public Flow execute(Scope scope, StringBuilder out) {
            for (Branch branch : branches) {
                if (Values.isTrue(branch.condition().evaluate(scope))) {
                    return branch.body().execute(scope, out);
                }
            }
            return otherwise.execute(scope, out);
        }
    }

    /**
     * A loop. Each iteration has a scope of its own.
     *
     * @param condition selects the elements before the first iteration
     * @param otherwise executed when no element is selected
     */
    record For(Target target, Expression iterable, Optional<Expression> condition, Statement body, Statement otherwise)
            implements Statement {
        @Override
        public Flow execute(Scope scope, StringBuilder out) {
            List<Object> elements = select(Values.elements(iterable.evaluate(scope)), scope);
            if (elements.isEmpty()) {
                return otherwise.execute(scope.inner(), out);
            }
            LoopContext loop = new LoopContext(elements);
            for (int i = 0; i < elements.size(); i++) {
                scope.checkpoint();
                loop.moveTo(i);
                Scope inner = scope.inner();
                target.assign(elements.get(i), inner);
                inner.set("loop", loop);
                if (body.execute(inner, out) == Flow.BREAK) {
                    break;
                }
            }
            return Flow.NEXT;
        }

        private List<Object> select(List<Object> elements, Scope scope) {
            if (condition.isEmpty()) {
                return elements;
            }
            List<Object> selected = new ArrayList<>();
            for (Object element : elements) {
                scope.checkpoint();
                Scope inner = scope.inner();
                target.assign(element, inner);
                if (Values.isTrue(condition.get().evaluate(inner))) {
                    selected.add(element);
                }
            }
            return selected;
        }
    }

    /** {@code {% set target = value %}}. */
    record Set(Target target, Expression value) implements Statement {
        @Override
        public Flow execute(Scope scope, StringBuilder out) {
            target.assign(value.evaluate(scope), scope);
            return Flow.NEXT;
        }
    }

    /**
     * {@code {% set target | filter %}} with a body.
     *
     * @param value an expression in which {@link FilterBlock#BODY} is the text of the body
     */
    record SetBlock(Target target, Expression value, Statement body) implements Statement {
        @Override
        public Flow execute(Scope scope, StringBuilder out) {
            target.assign(FilterBlock.evaluate(value, body, scope), scope);
            return Flow.NEXT;
        }
    }

    /**
     * {@code {% filter name %}} with a body.
     *
     * @param value an expression in which {@link #BODY} is the text of the body
     */
    record FilterBlock(Expression value, Statement body) implements Statement {

        /** The variable that has the text of the body. The name cannot be written in a template. */
        static final Expression.Variable BODY = new Expression.Variable("the text of the block");

        @Override
        public Flow execute(Scope scope, StringBuilder out) {
            out.append(Printer.str(evaluate(value, body, scope)));
            return Flow.NEXT;
        }

        private static Object evaluate(Expression value, Statement body, Scope scope) {
            Scope inner = scope.inner();
            inner.set(BODY.name(), body.render(scope.inner()));
            return value.evaluate(inner);
        }
    }

    record With(List<Assignment> assignments, Statement body) implements Statement {

        record Assignment(Target target, Expression value) {}

        @Override
        public Flow execute(Scope scope, StringBuilder out) {
            Scope inner = scope.inner();
            assignments.forEach(each -> each.target().assign(each.value().evaluate(scope), inner));
            return body.execute(inner, out);
        }
    }

    /**
     * The tag {@code generation}, which marks the assistant's text for training. Its only effect is a scope of its own.
     */
    record Generation(Statement body) implements Statement {
        @Override
        public Flow execute(Scope scope, StringBuilder out) {
            out.append(body.render(scope.inner()));
            return Flow.NEXT;
        }
    }

    record MacroDefinition(String name, List<Parameter> parameters, Statement body) implements Statement {

        record Parameter(String name, Expression defaultValue) {}

        @Override
        public Flow execute(Scope scope, StringBuilder out) {
            scope.set(name, new Macro(this, scope));
            return Flow.NEXT;
        }
    }

    /**
     * {@code {% call macro(arguments) %}} with a body, which the macro calls as {@code caller}.
     *
     * @param caller the body as a macro, whose name is {@code caller}
     */
    record CallBlock(Expression macro, Expression.ArgumentList arguments, MacroDefinition caller) implements Statement {
        @Override
        public Flow execute(Scope scope, StringBuilder out) {
            if (!(macro.evaluate(scope) instanceof Callable callable)) {
                throw new JinjaException("the target of 'call' is not callable");
            }
            Arguments given = arguments.evaluate(scope);
            Map<String, Object> named = new LinkedHashMap<>(given.named());
            named.put(caller.name(), new Macro(caller, scope));
            out.append(Printer.str(callable.call(new Arguments(given.positional(), named))));
            return Flow.NEXT;
        }
    }

    /** A defined macro. The result of a call is the output of the body, in a scope inside that of the definition. */
    record Macro(MacroDefinition definition, Scope enclosing) implements Callable {

        private static final String CALLER = "caller";

        @Override
        public Object call(Arguments arguments) {
            enclosing.checkpoint();
            Scope scope = enclosing.inner();
            Map<String, Object> named = new HashMap<>(arguments.named());
            if (definition.parameters().stream().noneMatch(each -> each.name().equals(CALLER))
                    && named.containsKey(CALLER)) {
                scope.set(CALLER, named.remove(CALLER));
            }
            Map<String, Object> bound = new Arguments(arguments.positional(), named)
                    .bind(
                            "macro '" + definition.name() + "'",
                            0,
                            definition.parameters().stream()
                                    .map(MacroDefinition.Parameter::name)
                                    .toArray(String[]::new));
            for (MacroDefinition.Parameter parameter : definition.parameters()) {
                Object value = bound.get(parameter.name());
                scope.set(
                        parameter.name(),
                        value != null ? value : parameter.defaultValue().evaluate(scope));
            }
            return definition.body().render(scope);
        }
    }

    /** The left side of an assignment. */
    sealed interface Target {

        void assign(Object value, Scope scope);

        record VariableTarget(String name) implements Target {
            @Override
            public void assign(Object value, Scope scope) {
                scope.set(name, value);
            }
        }

        /** {@code name.attribute}, where the variable is a namespace. */
        record NamespaceAttribute(String name, String attribute) implements Target {
            @Override
            public void assign(Object value, Scope scope) {
                if (!(scope.get(name) instanceof Namespace namespace)) {
                    throw new JinjaException("cannot set an attribute of '" + name + "': it is not a namespace");
                }
                namespace.set(attribute, value);
            }
        }

        /** {@code a, b}. */
        record Unpacking(List<Target> targets) implements Target {
            @Override
            public void assign(Object value, Scope scope) {
                List<Object> elements = Values.elements(value);
                if (elements.size() != targets.size()) {
                    throw new JinjaException("cannot unpack " + elements.size() + " values into " + targets.size());
                }
                for (int i = 0; i < targets.size(); i++) {
                    targets.get(i).assign(elements.get(i), scope);
                }
            }
        }
    }
}
