package io.tidemark.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The tag {@code for}. Each pass has names of its own. */
record Loop(
        AssignmentParser.Target target,
        Expression over,
        Optional<Expression> condition,
        Statement body,
        Optional<Statement> otherwise)
        implements Statement {

    @Override
    public Flow run(Scope scope, StringBuilder out) {
        List<Object> elements = wanted(Values.elements(over.value(scope)), scope);
        LoopState state = new LoopState(elements);
        for (int i = 0; i < elements.size(); i++) {
            state.moveTo(i);
            Scope inner = scope.inner();
            target.take(elements.get(i), inner);
            inner.set("loop", state);
            if (body.run(inner, out) == Flow.BREAK) {
                break;
            }
        }
        return elements.isEmpty() && otherwise.isPresent() ? otherwise.get().run(scope.inner(), out) : Flow.NEXT;
    }

    private List<Object> wanted(List<Object> elements, Scope scope) {
        if (condition.isEmpty()) {
            return elements;
        }
        List<Object> wanted = new ArrayList<>();
        for (Object element : elements) {
            Scope inner = scope.inner();
            target.take(element, inner);
            if (Values.isTrue(condition.get().value(inner))) {
                wanted.add(element);
            }
        }
        return wanted;
    }
}
