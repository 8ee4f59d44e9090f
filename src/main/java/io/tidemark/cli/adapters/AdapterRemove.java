package io.tidemark.cli.adapters;

import io.tidemark.cli.console.CommandException;
import io.tidemark.client.AdapterTopic;
import io.tidemark.client.AdapterTopic.Entry;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code tidemark adapters remove NAME}: writes a tombstone. */
@Command(
        name = "remove",
        description = "Removes the record of a name: new requests for it get an error, running ones end as they began.",
        footer = {
            "",
            "Example:",
            "  tidemark adapters remove extract-v1",
            "A folder of this name in the settings of a worker stays hidden until the worker starts again.",
            "Exit codes: 0 done, 1 refused or failed, 2 wrong command line."
        })
final class AdapterRemove extends AdapterNameCommand {

    @Option(
            names = "--force",
            description = "Remove also a target of an alias: requests that the alias gives to it then get an error.")
    private boolean force;

    @Option(names = "--json", description = "Print one JSON object with 'name' and the 'offset' of the tombstone.")
    private boolean json;

    @Override
    public Integer call() {
        AdapterTopic topic = cluster().adapters();
        SortedMap<String, Entry> entries = topic.read();
        if (!entries.containsKey(name())) {
            throw new CommandException("there is no record of '" + name() + "', so nothing was written; records: "
                    + (entries.isEmpty() ? "none" : String.join(", ", entries.keySet()))
                    + ". An adapter of a worker's settings is removed there");
        }
        List<String> aliases = aliasesOf(name(), entries);
        if (!aliases.isEmpty() && !force) {
            throw new CommandException("'" + name() + "' is a target of the alias " + String.join(", ", aliases)
                    + ", so nothing was written; write the alias without it first ('tidemark adapters alias'), or give"
                    + " --force");
        }
        long offset = topic.remove(name());
        if (json) {
            out().println(json(offset));
        } else {
            out().println("removed '" + name() + "' (tombstone at offset " + offset + "). A folder of this name in the"
                    + " settings of a worker stays hidden until that worker starts again");
        }
        out().flush();
        return 0;
    }

    /** The aliases that have an adapter as a target. */
    static List<String> aliasesOf(String adapter, SortedMap<String, Entry> entries) {
        return entries.entrySet().stream()
                .filter(entry -> entry.getValue().alias().stream()
                        .flatMap(alias -> alias.targets().stream())
                        .anyMatch(target -> target.adapter().equals(adapter)))
                .map(Map.Entry::getKey)
                .toList();
    }
}
