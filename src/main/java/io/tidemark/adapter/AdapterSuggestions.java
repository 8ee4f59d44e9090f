package io.tidemark.adapter;

import io.tidemark.text.NearestNames;
import java.util.Collection;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * What the error for an unknown adapter says of the registered ones. Only for deployments whose senders may know all
 * ids.
 */
public final class AdapterSuggestions {

    /** Names no adapter. */
    public static final AdapterSuggestions NONE = new AdapterSuggestions(List::of, "");

    /** So many adapters are all named. */
    private static final int NAMED = 5;

    private static final int NEAREST = 3;

    private final Supplier<Collection<String>> names;
    private final String where;

    /**
     * @param names the ids of the moment
     * @param where what shows all ids if they are too many for an error, such as a command
     */
    public AdapterSuggestions(Supplier<Collection<String>> names, String where) {
        this.names = names;
        this.where = where;
    }

    /** The message of the error, with the nearest ids, and with all ids or the place that shows them. */
    public String unknown(String name) {
        return "no adapter '" + name + "'" + suggestion(name);
    }

    private String suggestion(String name) {
        List<String> ids = names.get().stream().sorted().toList();
        if (ids.isEmpty()) {
            return "";
        }
        if (ids.size() <= NAMED) {
            return "; the adapters are " + quoted(ids, ", ");
        }
        List<String> similar = new NearestNames(ids).to(name, NEAREST);
        return (similar.isEmpty() ? "; " : "; did you mean " + quoted(similar, " or ") + "? ") + where + " shows all "
                + ids.size() + " adapters";
    }

    private static String quoted(List<String> names, String separator) {
        return names.stream().map(name -> "'" + name + "'").collect(Collectors.joining(separator));
    }
}
