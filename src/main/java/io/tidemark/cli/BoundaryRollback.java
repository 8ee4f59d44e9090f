package io.tidemark.cli;

import io.tidemark.cli.console.CommandException;
import io.tidemark.client.BoundaryTopic;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.TableEntry;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code tidemark boundaries rollback ADAPTER}: pins the boundary that the last move replaced. */
@Command(
        name = "rollback",
        description = "Takes the last move back: pins the boundary before it for every version, until it is unset.",
        footer = {
            "",
            "Example:",
            "  tidemark boundaries rollback restaurants --reason 'complaints about long answers'",
            "A withdrawal and a reset are no moves. Two commands end the pin, both with full LoRA:",
            "  unset  keeps the examples so far: the next batch with a new example may move the boundary back at once",
            "  reset  begins an epoch without examples: a move needs new evidence"
        })
final class BoundaryRollback extends AdapterBoundaryCommand {

    @Option(
            names = "--reason",
            paramLabel = "TEXT",
            description = "The reason, stored in the record. Default: 'rollback of move N'.")
    private String reason;

    @Override
    public Integer call() {
        BoundaryTopic topic = cluster().boundaries();
        BoundaryRecord moved = moved(topic.read().get(adapter()));
        int before = moved.boundaryBeforeMove().getAsInt();
        String move = "move " + moved.decision().orElseThrow().move();
        topic.put(BoundaryRecord.setByHand(
                adapter(),
                before,
                reason == null ? "rollback of " + move : reason,
                Instant.now().truncatedTo(ChronoUnit.SECONDS)));
        out().println("took back " + move + " of '" + adapter() + "': boundary " + moved.boundary() + " → " + before
                + ", pinned: calibrators do not move it");
        out().println("two commands end the pin, both with full LoRA:");
        out().println("  tidemark boundaries unset " + adapter()
                + "  keeps the examples so far: the next batch with a new example may move the boundary at once, also back to "
                + moved.boundary());
        out().println("  tidemark boundaries reset " + adapter()
                + "  discards the examples so far: a move needs new evidence");
        BoundariesCommand.print(topic.read(), false, out());
        return 0;
    }

    /** The record in force, which has a move. */
    private BoundaryRecord moved(TableEntry entry) {
        String instead = "'tidemark boundaries set " + adapter() + " LAYERS' pins a boundary";
        if (entry instanceof TableEntry.Broken broken) {
            throw new CommandException(
                    "the record of '" + adapter() + "' is broken (" + broken.message() + "); " + instead);
        }
        if (!(entry instanceof TableEntry.Present present)) {
            throw new CommandException("'" + adapter() + "' has no boundary record, so there is no move to take back; "
                    + "workers apply it in all layers. " + instead);
        }
        BoundaryRecord record = present.record();
        if (record.pins()) {
            throw new CommandException("'" + adapter() + "' is pinned to " + record.boundary()
                    + ", so there is no move to take back; " + instead + ", and 'tidemark boundaries unset " + adapter()
                    + "' removes the pin");
        }
        if (record.boundaryBeforeMove().isEmpty()) {
            throw new CommandException("the record of '" + adapter() + "' (boundary " + record.boundary()
                    + ") names no move to take back; " + instead + ", and 'tidemark boundaries history " + adapter()
                    + "' lists the decisions");
        }
        return record;
    }
}
