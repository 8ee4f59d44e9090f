package io.tidemark.cli.adapters;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.client.AdapterTopic.Entry;
import io.tidemark.client.WorkerStates.Worker;
import io.tidemark.message.AdapterRecord.Alias;
import io.tidemark.message.AdapterRecord.Stored;
import io.tidemark.message.AdapterRecord.Target;
import io.tidemark.message.TopicJson;
import io.tidemark.message.WorkerStateRecord.Adapter;
import io.tidemark.message.WorkerStateRecord.State;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * A name that requests can use: its record, and what the workers have of it. A name without a record is a folder of the
 * settings of at least one live worker. Where a name has both, the record is shown, because workers use that.
 *
 * @param entry   the record; empty for a folder of the settings
 * @param workers all processes, those that are gone included
 */
record ShownName(String name, Optional<Entry> entry, List<NameOnWorker> workers) {

    ShownName {
        workers = List.copyOf(workers);
    }

    /** All names of the topic and of the settings of live workers. */
    static SortedMap<String, ShownName> all(SortedMap<String, Entry> entries, List<Worker> workers) {
        SortedMap<String, ShownName> names = new TreeMap<>();
        entries.forEach((name, entry) -> names.put(name, of(name, Optional.of(entry), workers)));
        folders(workers).forEach(name -> names.computeIfAbsent(name, folder -> of(folder, Optional.empty(), workers)));
        return names;
    }

    private static ShownName of(String name, Optional<Entry> entry, List<Worker> workers) {
        OptionalLong offset =
                entry.map(written -> OptionalLong.of(written.offset())).orElse(OptionalLong.empty());
        return new ShownName(
                name,
                entry,
                workers.stream()
                        .map(worker -> NameOnWorker.of(worker, name, offset))
                        .toList());
    }

    /** The names of the folders of the settings that live workers list and serve. */
    static Set<String> folders(List<Worker> workers) {
        return workers.stream()
                .filter(Worker::live)
                .flatMap(worker -> worker.state().stream())
                .flatMap(state -> state.adapters().stream())
                .filter(adapter -> adapter.offset().isEmpty())
                .filter(adapter -> adapter.state() == State.LOADED || adapter.state() == State.READY)
                .map(Adapter::name)
                .collect(Collectors.toSet());
    }

    /** {@code adapter}, {@code alias}, {@code settings} or {@code invalid}. */
    String kind() {
        if (entry.isEmpty()) {
            return "settings";
        }
        if (entry.get().record().isEmpty()) {
            return "invalid";
        }
        return entry.get().alias().isPresent() ? "alias" : "adapter";
    }

    /** The digest of the record, or that of the settings' folder if the live workers agree. */
    Optional<String> digest() {
        if (entry.isPresent()) {
            return entry.get().stored().map(Stored::digest);
        }
        List<String> digests = workers.stream()
                .filter(each -> each.worker().live())
                .flatMap(each -> each.listed().flatMap(Adapter::digest).stream())
                .distinct()
                .toList();
        return digests.size() == 1 ? Optional.of(digests.get(0)) : Optional.empty();
    }

    /** The source of an adapter, the targets of an alias, or what is wrong with the record. */
    String content() {
        if (entry.isEmpty()) {
            return "a folder of the settings, no record";
        }
        return entry.get()
                .stored()
                .map(Stored::source)
                .or(() -> entry.get().alias().map(ShownName::targets))
                .orElseGet(() -> "invalid record: " + entry.get().error().orElse(""));
    }

    /** The targets of an alias with their shares, such as {@code v1 90%, v2 10%}. */
    static String targets(Alias alias) {
        double sum = alias.targets().stream().mapToDouble(Target::weight).sum();
        return alias.targets().stream()
                        .map(target -> target.adapter() + " " + percent(target.weight() / sum))
                        .collect(Collectors.joining(", "))
                + alias.sticky().map(field -> ", sticky by " + field).orElse("");
    }

    /** A share with at most two decimals, such as {@code 33.33%}. */
    private static String percent(double share) {
        return String.format(Locale.ROOT, "%.2f", share * 100).replaceFirst("\\.?0+$", "") + "%";
    }

    /**
     * The states of the live workers: {@code ready 3/3} if all are the same, otherwise each with its number, failures
     * first, such as {@code 1 of 3: failed wrong_digest, 2 of 3: ready}.
     */
    String liveStates() {
        List<NameOnWorker> live =
                workers.stream().filter(each -> each.worker().live()).toList();
        if (live.isEmpty()) {
            return "no live worker";
        }
        boolean mixed = live.stream().anyMatch(each -> each.state().equals("ready"));
        Map<String, Long> counts = live.stream()
                .sorted(Comparator.comparing(NameOnWorker::progress).reversed())
                .map(each -> mixed && each.state().equals("loaded") ? "ready" : each.text())
                .collect(Collectors.groupingBy(Function.identity(), LinkedHashMap::new, Collectors.counting()));
        if (counts.size() == 1) {
            String state = counts.keySet().iterator().next();
            return state + " " + live.size() + "/" + live.size();
        }
        return counts.entrySet().stream()
                .map(state -> state.getValue() + " of " + live.size() + ": " + state.getKey())
                .collect(Collectors.joining(", "));
    }

    /** One object with the fields of the record and those of the workers, on one line. */
    String json() {
        ObjectNode node =
                JsonNodeFactory.instance.objectNode().put("name", name).put("kind", kind());
        entry.ifPresent(written -> {
            node.put("offset", written.offset());
            written.record().ifPresent(record -> node.setAll((ObjectNode) TopicJson.tree(record)));
            written.error().ifPresent(error -> node.put("error", error));
        });
        if (entry.isEmpty()) {
            digest().ifPresent(digest -> node.put("digest", digest));
        }
        ArrayNode states = node.putArray("workers");
        workers.forEach(worker -> states.add(worker.json()));
        return node.toString();
    }
}
