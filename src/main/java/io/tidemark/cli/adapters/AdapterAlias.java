package io.tidemark.cli.adapters;

import io.tidemark.cli.console.CommandException;
import io.tidemark.client.AdapterTopic;
import io.tidemark.client.AdapterTopic.Entry;
import io.tidemark.message.AdapterRecord;
import io.tidemark.message.AdapterRecord.Alias;
import io.tidemark.message.AdapterRecord.Target;
import io.tidemark.message.Parsed;
import io.tidemark.message.TopicJson;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tidemark adapters alias NAME TARGET=WEIGHT...}: writes a name that stands for adapters by weight. */
@Command(
        name = "alias",
        description = "Writes a name that stands for adapters by weight, or replaces its weights.",
        footer = {
            "",
            "Example: one tenth of the requests for 'extract' gets the new version",
            "  tidemark adapters alias extract extract-v1=90 extract-v2=10",
            "A change of weights moves requests only to adapters whose weight has grown relative to the others.",
            "Exit codes: 0 done, 1 refused or failed, 2 wrong command line."
        })
final class AdapterAlias extends AdapterNameCommand {

    @Parameters(
            index = "1..*",
            arity = "1..*",
            paramLabel = "TARGET=WEIGHT",
            description = "An adapter and its weight, 0 or more; at most 16. A share is a weight over the sum of all.")
    private List<String> targets = new ArrayList<>();

    @Option(
            names = "--sticky",
            paramLabel = "FIELD",
            description = "Choose by this field of requests instead of their id: 'user' gives each user one adapter.")
    private Optional<String> sticky = Optional.empty();

    @Option(names = "--json", description = "Print one JSON object with 'name', 'offset' and the fields of the record.")
    private boolean json;

    @Override
    public Integer call() {
        requireValidName();
        Alias alias = alias();
        AdapterTopic topic = cluster().adapters();
        SortedMap<String, Entry> entries = topic.read();
        KnownWorkers workers =
                KnownWorkers.read(cluster(), err(), "adapters of the settings of workers are not known as targets");
        workers.requireOtherName(name());
        requireNoTarget(entries);
        Set<String> folders = ShownName.folders(workers.all());
        alias.targets().forEach(target -> requireAdapter(target.adapter(), entries, folders));
        long offset = topic.put(name(), alias);
        if (json) {
            out().println(json(alias, offset));
        } else {
            Optional<Entry> before = Optional.ofNullable(entries.get(name()));
            out().println("alias '" + name() + "' at offset " + offset + ": " + ShownName.targets(alias)
                    + before.map(entry -> " (in place of " + (entry.alias().isPresent() ? "the alias" : "the adapter")
                                    + " at offset " + entry.offset() + ")")
                            .orElse(""));
        }
        out().flush();
        return 0;
    }

    /** The alias of the command line, checked as workers check its record. */
    private Alias alias() {
        Alias alias = new Alias(targets.stream().map(this::target).toList(), sticky);
        Parsed<AdapterRecord> parsed = AdapterRecord.parse(TopicJson.write(alias));
        if (parsed instanceof Parsed.Invalid<AdapterRecord> invalid) {
            throw wrongUse(invalid.error().message());
        }
        return alias;
    }

    /** The name of an adapter may contain {@code =}, a weight cannot. */
    private Target target(String text) {
        int equals = text.lastIndexOf('=');
        double weight = equals > 0 ? weight(text.substring(equals + 1)) : Double.NaN;
        if (!Double.isFinite(weight) || weight < 0) {
            throw wrongUse("'" + text + "' is not TARGET=WEIGHT with a number of 0 or more, such as extract-v1=90");
        }
        return new Target(text.substring(0, equals), weight);
    }

    private static double weight(String text) {
        try {
            return Double.parseDouble(text);
        } catch (NumberFormatException e) {
            return Double.NaN;
        }
    }

    private void requireNoTarget(SortedMap<String, Entry> entries) {
        List<String> aliases = AdapterRemove.aliasesOf(name(), entries);
        if (!aliases.isEmpty()) {
            throw new CommandException("'" + name() + "' is a target of the alias " + String.join(", ", aliases)
                    + ", and targets are adapters, never aliases; choose another name for the alias");
        }
    }

    /** @param folders the adapters of the settings of live workers */
    private void requireAdapter(String target, SortedMap<String, Entry> entries, Set<String> folders) {
        Optional<Entry> entry = Optional.ofNullable(entries.get(target));
        if (target.equals(name()) || entry.flatMap(Entry::alias).isPresent()) {
            throw new CommandException("target '" + target + "' is an alias; targets are adapters");
        }
        if (entry.flatMap(Entry::error).isPresent()) {
            throw new CommandException("the record of target '" + target + "' at offset "
                    + entry.get().offset() + " is invalid: "
                    + entry.get().error().get()
                    + "; write it again with 'tidemark adapters add'");
        }
        if (entry.isEmpty() && !folders.contains(target)) {
            throw new CommandException("target '" + target + "' is no adapter: it has no record, and no live worker"
                    + " lists it as one of its settings; add it first with 'tidemark adapters add'");
        }
    }
}
