package io.tidemark.text;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.jboss.logging.MDC;

/**
 * The fields of a log record that say which request or adapter it is about: {@code id}, {@code tenant}, {@code adapter}
 * and {@code boundary}. JSON logs have them in the object {@code mdc}; text logs do not show them. Immutable.
 */
public final class LogFields {

    private final Map<String, Object> fields;

    private LogFields(Map<String, Object> fields) {
        this.fields = fields;
    }

    /** The fields of a request. The values are those of its record: JSON escapes what {@link LogText} would. */
    public static LogFields request(String id, String tenant) {
        return new LogFields(Map.of()).with("id", id).with("tenant", tenant);
    }

    /** The fields of an adapter. */
    public static LogFields adapter(String adapter) {
        return new LogFields(Map.of()).with("adapter", adapter);
    }

    /** These fields and the adapter of a request, if it is known. */
    public LogFields withAdapter(Optional<String> adapter) {
        return adapter.map(id -> with("adapter", id)).orElse(this);
    }

    /** These fields and a boundary, if it is known. */
    public LogFields withBoundary(OptionalInt boundary) {
        return boundary.isPresent() ? with("boundary", Integer.toString(boundary.getAsInt())) : this;
    }

    /** Runs a statement that logs. Its records have these fields, and later ones of the thread do not. */
    public void during(Runnable statement) {
        fields.forEach(MDC::put);
        try {
            statement.run();
        } finally {
            fields.keySet().forEach(MDC::remove);
        }
    }

    private LogFields with(String name, Object value) {
        Map<String, Object> all = new LinkedHashMap<>(fields);
        all.put(name, value);
        return new LogFields(all);
    }
}
