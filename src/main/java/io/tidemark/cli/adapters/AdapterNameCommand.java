package io.tidemark.cli.adapters;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.cli.console.ConsoleCommand;
import io.tidemark.cli.serving.ClusterOptions;
import io.tidemark.message.AdapterRecord;
import io.tidemark.message.TopicJson;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** A command of {@code tidemark adapters} for one name. */
abstract class AdapterNameCommand extends ConsoleCommand {

    @Mixin
    private ClusterOptions cluster;

    @Parameters(index = "0", paramLabel = "NAME", description = "The name that requests use.")
    private String name;

    final ClusterOptions cluster() {
        return cluster;
    }

    final String name() {
        return name;
    }

    /** Refuses a name for which workers ignore a record. */
    final void requireValidName() {
        if (name.isBlank() || name.length() > AdapterRecord.MAX_NAME_LENGTH) {
            throw wrongUse(
                    "NAME must have 1 to " + AdapterRecord.MAX_NAME_LENGTH + " characters and must not be blank");
        }
    }

    /** The JSON object of a record that was written, or of a tombstone. */
    final ObjectNode json(long offset) {
        return JsonNodeFactory.instance.objectNode().put("name", name).put("offset", offset);
    }

    final ObjectNode json(AdapterRecord record, long offset) {
        return json(offset).setAll((ObjectNode) TopicJson.tree(record));
    }
}
