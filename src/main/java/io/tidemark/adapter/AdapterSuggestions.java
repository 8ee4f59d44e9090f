package io.tidemark.adapter;

import io.tidemark.text.NearestNames;
import java.util.Collection;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What the error for an unknown adapter says of the registered ones. Only for deployments whose senders may know all
 * ids. Immutable.
 */
public final class AdapterSuggestions {

    /** Names no adapter. */
    public static final AdapterSuggestions NONE = new AdapterSuggestions(List.of(), "");

    /** So many adapters are all named. */
    private static final int NAMED = 5;

    private static final int NEAREST = 3;

    private final List<String> ids;
    private final NearestNames nearest;
    private final String where;

    /** @param where what shows all ids if they are too many for an error, such as a command */
    public AdapterSuggestions(Collection<String> ids, String where) {
        this.ids = ids.stream().sorted().toList();
        this.nearest = new NearestNames(ids);
        this.where = where;
    }

    /** The message of the error, with the nearest ids, and with all ids or the place that shows them. */
    public String unknown(String name) {
        return "no adapter '" + name + "'" + suggestion(name);
    }

    private String suggestion(String name) {
        if (ids.isEmpty()) {
            return "";
        }
        if (ids.size() <= NAMED) {
            return "; the adapters are " + quoted(ids, ", ");
        }
        List<String> similar = nearest.to(name, NEAREST);
        return (similar.isEmpty() ? "; " : "; did you mean " + quoted(similar, " or ") + "? ") + where + " shows all "
                + ids.size() + " adapters";
    }

    private static String quoted(List<String> names, String separator) {
        return names.stream().map(name -> "'" + name + "'").collect(Collectors.joining(separator));
    }
}
