package io.tidemark.jinja;

import java.time.ZonedDateTime;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * A chat template, read once. Renders as Jinja2 3.1 does in transformers' environment: blocks trimmed, loop controls and
 * {@code generation} on, values that can't be changed. Immutable; may be shared between threads.
 */
public final class JinjaTemplate {

    private final Statement statement;
    private final Supplier<ZonedDateTime> clock;

    private JinjaTemplate(Statement statement, Supplier<ZonedDateTime> clock) {
        this.statement = statement;
        this.clock = clock;
    }

    /**
     * @param clock what {@code strftime_now} reads
     * @throws JinjaException when the source is broken, or uses a tag, filter or test that isn't known here
     */
    public static JinjaTemplate parse(String source, Supplier<ZonedDateTime> clock) {
        try {
            return new JinjaTemplate(new StatementParser(Lexer.tokens(source)).template(), clock);
        } catch (StackOverflowError e) {
            throw JinjaException.because("the template nests too deeply");
        }
    }

    /**
     * @param variables plain values, as a JSON reader makes them: null, booleans, numbers, strings, collections and maps
     * @throws JinjaException when the template refuses the values, or does with them what Python would not
     */
    public String render(Map<String, ?> variables) {
        Map<String, Object> names = new HashMap<>(Functions.all(clock));
        variables.forEach((name, value) -> names.put(name, Values.of(value)));
        StringBuilder out = new StringBuilder();
        try {
            if (statement.run(Scope.of(names), out) != Statement.Flow.NEXT) {
                throw JinjaException.because("'break' or 'continue' has no loop");
            }
        } catch (StackOverflowError e) {
            throw JinjaException.because("the template nests too deeply for these values");
        }
        return out.toString();
    }
}
