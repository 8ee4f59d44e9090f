package io.tidemark.cli;

import io.tidemark.calibration.rule.EpochReset;
import io.tidemark.cli.console.CommandException;
import io.tidemark.client.BoundaryTopic;
import io.tidemark.client.DecisionTopic;
import io.tidemark.message.BoundaryDecisionRecord;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.TableEntry;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.SortedMap;
import picocli.CommandLine.Command;

/** {@code tidemark boundaries reset ADAPTER}: full LoRA, and an epoch without examples. */
@Command(
        name = "reset",
        description = "Publishes full LoRA in place of a boundary or a pin, and begins a new epoch without examples.",
        footer = {
            "",
            "Example: the examples counted so far were wrong",
            "  tidemark boundaries reset restaurants",
            "Examples count again in the new epoch, also those of earlier epochs if they are sent again.",
            "Needs rights to read 'calibration-state' and to write 'adapter-boundaries' and 'boundary-decisions'."
        })
final class BoundaryReset extends AdapterBoundaryCommand {

    @Override
    public Integer call() {
        BoundaryTopic boundaries = cluster().boundaries();
        DecisionTopic decisions = cluster().decisions();
        Optional<BoundaryRecord> inForce = boundaries.read().get(adapter()) instanceof TableEntry.Present present
                ? Optional.of(present.record())
                : Optional.empty();
        Optional<BoundaryDecisionRecord> last =
                decisions.read(adapter(), 1).last().stream().findFirst();
        EpochReset reset = EpochReset.of(
                        adapter(),
                        inForce,
                        last,
                        cluster().calibrationStates().read(adapter()),
                        Instant.now().truncatedTo(ChronoUnit.SECONDS))
                .orElseThrow(() -> new CommandException("nothing is known of how '" + adapter()
                        + "' is calibrated: no decision, record or state names its layers, digests and compute"
                        + " type, so no epoch can begin; 'tidemark boundaries unset " + adapter()
                        + "' restores full LoRA"));
        boundaries.put(reset.record());
        SortedMap<String, TableEntry> table = boundaries.read();
        requireInForce(reset.record(), table.get(adapter()));
        BoundaryDecisionRecord decision = reset.decision();
        decisions.put(decision);
        out().println("reset '" + adapter() + "': boundary " + decision.before() + " → " + decision.boundary()
                + " (full LoRA), epoch " + decision.epoch().number() + " begins without examples"
                + (inForce.filter(BoundaryRecord::pins).isPresent() ? "; the pin is removed" : ""));
        if (last.filter(before -> !before.published()).isPresent()) {
            out().println(
                            "the last decision was made in shadow mode: calibrators in that mode do not read this record");
        }
        BoundariesCommand.print(table, false, out());
        return 0;
    }

    /**
     * Checks that no calibrator has published a decision behind the reset. Reading the topic waits for open
     * transactions; a calibrator decides again with the record if its transaction begins later.
     *
     * @throws CommandException if another record is in force
     */
    static void requireInForce(BoundaryRecord reset, TableEntry entry) {
        if (!new TableEntry.Present(reset).equals(entry)) {
            throw new CommandException("another record of '" + reset.adapter() + "' was written at the same time, so"
                    + " the reset is not in force; run the command again");
        }
    }
}
