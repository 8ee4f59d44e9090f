package io.tidemark.jinja;

import java.time.ZonedDateTime;
import java.util.HashMap;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * A parsed chat template. Renders like Jinja2 3.1 in the environment of transformers: {@code trim_blocks} and
 * {@code lstrip_blocks} are on, the tags {@code break}, {@code continue} and {@code generation} are available, and
 * values are immutable as in the sandbox. Instances are immutable and thread-safe.
 */
public final class JinjaTemplate {

    private final Statement body;
    private final Supplier<ZonedDateTime> clock;

    private JinjaTemplate(Statement body, Supplier<ZonedDateTime> clock) {
        this.body = body;
        this.clock = clock;
    }

    /**
     * Parses a template.
     *
     * @param clock the time that {@code strftime_now} formats
     * @throws JinjaException if the source has a syntax error or uses an unsupported tag, filter or test
     */
    public static JinjaTemplate parse(String source, Supplier<ZonedDateTime> clock) {
        try {
            return new JinjaTemplate(new StatementParser(Lexer.tokens(source)).template(), clock);
        } catch (StackOverflowError e) {
            throw new JinjaException("the template is nested too deeply");
        }
    }

    /**
     * Renders the template.
     *
     * @param variables JSON values: null, booleans, numbers, strings, collections and maps
     * @throws JinjaException if the template calls {@code raise_exception} or does what fails in Python
     */
    public String render(Map<String, ?> variables) {
        return render(variables, () -> false);
    }

    /**
     * Renders the template, unless it is interrupted: loops, filters and calls ask whether they are.
     *
     * @param variables   JSON values: null, booleans, numbers, strings, collections and maps
     * @param interrupted read often, on the calling thread
     * @throws JinjaException if the template calls {@code raise_exception}, does what fails in Python, or is
     *     interrupted
     */
    public String render(Map<String, ?> variables, BooleanSupplier interrupted) {
        Map<String, Object> names = new HashMap<>(Functions.all(clock));
        variables.forEach((name, value) -> names.put(name, Values.of(value)));
        try {
            return body.render(Scope.of(names, interrupted));
        } catch (StackOverflowError e) {
            throw new JinjaException("rendering the template with these values is nested too deeply");
        }
    }
}
