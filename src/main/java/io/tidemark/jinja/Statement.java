package io.tidemark.jinja;

import java.util.List;

/** Something that writes text, sets names, or both. */
interface Statement {

    /** What comes after a statement. */
    enum Flow {
        NEXT,
        BREAK,
        CONTINUE
    }

    Flow run(Scope scope, StringBuilder out);

    /** One after the other, until one leaves the loop that all are in. */
    static Statement sequence(List<Statement> statements) {
        return (scope, out) -> {
            for (Statement statement : statements) {
                Flow flow = statement.run(scope, out);
                if (flow != Flow.NEXT) {
                    return flow;
                }
            }
            return Flow.NEXT;
        };
    }

    /** The text that a body writes with names of its own. */
    static String text(Statement body, Scope scope) {
        StringBuilder out = new StringBuilder();
        if (body.run(scope, out) != Flow.NEXT) {
            throw JinjaException.because("'break' or 'continue' has no loop");
        }
        return out.toString();
    }
}
