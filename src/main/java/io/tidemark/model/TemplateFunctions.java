package io.tidemark.model;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.filter.Filter;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import com.hubspot.jinjava.objects.date.StrftimeFormatter;
import com.hubspot.jinjava.tree.Node;
import java.time.ZonedDateTime;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The functions that transformers gives to chat templates, and a look at the filters that a template uses. */
public final class TemplateFunctions {

    static final List<String> NAMES = List.of("raise_exception", "strftime_now");

    private static final Pattern STRING_LITERAL = Pattern.compile("'(\\\\.|[^'\\\\])*+'|\"(\\\\.|[^\"\\\\])*+\"", Pattern.DOTALL);
    private static final Pattern FILTER = Pattern.compile("\\|\\s*([A-Za-z_]\\w*)");

    /** The template's own refusal of the messages. */
    static final class Raised extends RuntimeException {

        private static final long serialVersionUID = 1L;

        Raised(String message) {
            super(message);
        }
    }

    /** Jinjava's own leaves spaces of other scripts. */
    private static final class Trim implements Filter {

        @Override
        public String getName() {
            return "trim";
        }

        @Override
        public Object filter(Object value, JinjavaInterpreter interpreter, String... arguments) {
            return PythonStrings.stripped(String.valueOf(value), arguments.length == 0 ? Optional.empty() : Optional.of(arguments[0]));
        }
    }

    private TemplateFunctions() {
    }

    static void register(Context context) {
        context.registerFunction(new ELFunctionDefinition("", "raise_exception", TemplateFunctions.class, "raiseException", String.class));
        context.registerFunction(new ELFunctionDefinition("", "strftime_now", TemplateFunctions.class, "strftimeNow", String.class));
        context.registerFilter(new Trim());
    }

    /** Called by templates. */
    public static String raiseException(String message) {
        throw new Raised(message);
    }

    /** Called by templates. */
    public static String strftimeNow(String format) {
        return StrftimeFormatter.format(ZonedDateTime.now(), format, Locale.ENGLISH);
    }

    /** The first filter that Jinjava does not have, and would pass over in silence. */
    static Optional<String> unknownFilter(Jinjava jinja, String template) {
        return unknownFilter(jinja.getGlobalContext(), jinja.newInterpreter().parse(template));
    }

    private static Optional<String> unknownFilter(Context context, Node node) {
        String code = node.getMaster() == null || !node.getMaster().getImage().startsWith("{") ? "" : node.getMaster().getImage();
        Matcher filter = FILTER.matcher(STRING_LITERAL.matcher(code).replaceAll("''"));
        while (filter.find()) {
            if (context.getFilter(filter.group(1)) == null) {
                return Optional.of(filter.group(1));
            }
        }
        return node.getChildren().stream().flatMap(child -> unknownFilter(context, child).stream()).findFirst();
    }
}
