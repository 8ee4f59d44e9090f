package io.tidemark.jinja;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A function written in the template. Its text is its value. */
record Macro(String name, List<Parameter> parameters, Statement body, Scope definedIn) implements Callable {

    record Parameter(String name, Optional<Expression> otherwise) {}

    @Override
    public Object call(Arguments arguments) {
        Scope scope = definedIn.inner();
        Arguments own = arguments;
        if (arguments.named().containsKey("caller")
                && parameters.stream().noneMatch(p -> p.name().equals("caller"))) {
            scope.set("caller", arguments.named().get("caller"));
            Map<String, Object> others = new java.util.HashMap<>(arguments.named());
            others.remove("caller");
            own = new Arguments(arguments.positional(), others);
        }
        Map<String, Object> bound = own.bound(
                "macro '" + name + "'",
                0,
                parameters.stream().map(Parameter::name).toArray(String[]::new));
        for (Parameter parameter : parameters) {
            Object given = bound.get(parameter.name());
            scope.set(
                    parameter.name(),
                    given != null
                            ? given
                            : parameter
                                    .otherwise()
                                    .map(e -> e.value(scope))
                                    .orElseGet(() -> Undefined.because(
                                            "parameter '" + parameter.name() + "' was not provided")));
        }
        return Statement.text(body, scope);
    }
}
