package io.tidemark.cli;

import io.tidemark.cli.console.CommandException;
import io.tidemark.client.BoundaryTopic;
import io.tidemark.client.CalibrationStates.State;
import io.tidemark.client.DecisionTopic;
import io.tidemark.message.BoundaryDecisionRecord;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.CalibrationEpochRecord;
import io.tidemark.message.TableEntry;
import java.io.PrintWriter;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.concurrent.Callable;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code tidemark boundaries reset ADAPTER}: full LoRA, and an epoch without examples. */
@Command(
        name = "reset",
        description = "Publishes full LoRA in place of a boundary or a pin, and begins a new epoch without examples.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Example: the examples counted so far were wrong",
            "  tidemark boundaries reset restaurants",
            "Needs rights to read 'calibration-state' and to write 'adapter-boundaries' and 'boundary-decisions'."
        })
final class BoundaryReset implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @Mixin
    private ClusterOptions cluster;

    @Parameters(paramLabel = "ADAPTER", description = "Id of the adapter.")
    private String adapter;

    @Override
    public Integer call() {
        BoundaryTopic boundaries = cluster.boundaries();
        DecisionTopic decisions = cluster.decisions();
        Known known = new Known(
                adapter,
                boundaries.read().get(adapter) instanceof TableEntry.Present present
                        ? Optional.of(present.record())
                        : Optional.empty(),
                decisions.read(adapter, 1).last().stream().findFirst(),
                cluster.calibrationStates().read(adapter));
        CalibratedVersion calibrated = known.calibrated();
        int epoch = known.nextEpoch(calibrated);
        long move = known.move(calibrated);
        int before = known.before(calibrated);
        Instant now = Instant.now().truncatedTo(ChronoUnit.SECONDS);
        BoundaryRecord reset =
                calibrated.record(adapter, epoch, move, before, known.boundaryBeforeMove(calibrated), now);
        boundaries.put(reset);
        SortedMap<String, TableEntry> table = boundaries.read();
        requireInForce(reset, table.get(adapter));
        decisions.put(calibrated.decision(adapter, epoch, move, before, now));
        PrintWriter out = spec.commandLine().getOut();
        out.println("reset '" + adapter + "': boundary " + before + " → " + calibrated.numLayers()
                + " (full LoRA), epoch " + epoch + " begins without examples"
                + (known.isPinned() ? "; the pin is removed" : ""));
        if (known.isShadow()) {
            out.println("the last decision was made in shadow mode: calibrators in that mode do not read this record");
        }
        BoundariesCommand.print(table, false, out);
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

    /**
     * What the topics have about an adapter.
     *
     * @param record of the boundary table, which may be pinned
     * @param last   the last decision
     * @param states the last one was written last
     */
    record Known(
            String adapter,
            Optional<BoundaryRecord> record,
            Optional<BoundaryDecisionRecord> last,
            List<State> states) {

        Known {
            states = List.copyOf(states);
        }

        /**
         * The version that calibrators score: that of the last decision, of the boundary record, or of the last state.
         *
         * @throws CommandException if none of them names layers, digests and compute type
         */
        CalibratedVersion calibrated() {
            return last.map(CalibratedVersion::of)
                    .or(() -> record.flatMap(CalibratedVersion::of))
                    .or(() -> states.isEmpty() ? Optional.empty() : CalibratedVersion.of(states.get(states.size() - 1)))
                    .orElseThrow(() -> new CommandException("nothing is known of how '" + adapter
                            + "' is calibrated: no decision, record or state names its layers, digests and compute"
                            + " type, so no epoch can begin; 'tidemark boundaries unset " + adapter
                            + "' restores full LoRA"));
        }

        /** One above the largest epoch of the version. */
        int nextEpoch(CalibratedVersion calibrated) {
            return Math.toIntExact(1
                    + largest(
                            last.filter(calibrated::isOf).map(decision -> (long) decision.epoch()),
                            test(calibrated).map(tested -> (long) tested.epoch()),
                            epochs(calibrated).mapToLong(CalibrationEpochRecord::epoch)));
        }

        /** The number of the last move of the version. */
        long move(CalibratedVersion calibrated) {
            return largest(
                    last.filter(calibrated::isOf).map(BoundaryDecisionRecord::move),
                    test(calibrated).map(BoundaryRecord.Tested::move),
                    epochs(calibrated).mapToLong(epoch -> epoch.watch().move()));
        }

        /** The test of the record in force; empty if it counts the epochs and moves of another compute type. */
        private Optional<BoundaryRecord.Tested> test(CalibratedVersion calibrated) {
            return record.filter(calibrated::isOf)
                    .flatMap(BoundaryRecord::test)
                    .filter(tested -> tested.computeType().equals(calibrated.computeType()));
        }

        private Stream<CalibrationEpochRecord> epochs(CalibratedVersion calibrated) {
            return states.stream().filter(calibrated::isOf).map(State::epoch).flatMap(Optional::stream);
        }

        private static long largest(Optional<Long> first, Optional<Long> second, LongStream others) {
            return LongStream.concat(
                            Stream.of(first, second).flatMap(Optional::stream).mapToLong(n -> n), others)
                    .max()
                    .orElse(0);
        }

        /** The boundary in force of the version, that of the table. */
        int before(CalibratedVersion calibrated) {
            return record.filter(present -> calibrated.isOf(present)
                            || present.adapterDigest().isEmpty()
                                    && present.baseModel().isEmpty()
                                    && present.baseDigest().isEmpty())
                    .map(BoundaryRecord::boundary)
                    .filter(boundary -> boundary <= calibrated.numLayers())
                    .orElse(calibrated.numLayers());
        }

        /** What a rollback pins; a reset leaves it unchanged. */
        OptionalInt boundaryBeforeMove(CalibratedVersion calibrated) {
            return record.filter(calibrated::isOf)
                    .map(BoundaryRecord::boundaryBeforeMove)
                    .orElse(OptionalInt.empty());
        }

        boolean isPinned() {
            return record.filter(BoundaryRecord::pinned).isPresent();
        }

        boolean isShadow() {
            return last.filter(decision -> !decision.published()).isPresent();
        }
    }
}
