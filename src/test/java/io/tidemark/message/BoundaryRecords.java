package io.tidemark.message;

import io.tidemark.message.BoundaryRecord.Decision;
import io.tidemark.message.BoundaryRecord.Evidence;
import io.tidemark.message.BoundaryRecord.Score;
import io.tidemark.message.BoundaryRecord.Writer;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/** Boundary records of calibrators, for tests. */
public final class BoundaryRecords {

    /** Looser than every test of the settings of a test: a calibrator withdraws the boundary in the next epoch. */
    public static final HarmTestRecord LOOSE = new HarmTestRecord(0.5, 1, 0.5);

    public static final AdapterVersion VERSION = new AdapterVersion("d", "m", "ba5e", "fp32", 4);

    public static final Evidence BATCH = new Evidence("b1", "validation-batches", 3, 41);

    private BoundaryRecords() {}

    /** A boundary that was certified in an epoch, with three scored boundaries. */
    public static BoundaryRecord calibrated(
            String adapter, AdapterVersion version, int boundary, int epoch, long move, OptionalInt beforeMove) {
        return BoundaryRecord.decided(
                adapter,
                boundary,
                Writer.CALIBRATOR,
                version,
                "preferred",
                Instant.EPOCH,
                decision(version, epoch, move, beforeMove, Optional.of(BATCH)));
    }

    /** The value of the record of boundary 1, after move 2 in epoch 3, for {@link #VERSION}. */
    public static byte[] calibratedValue(String adapter) {
        return TopicJson.write(calibrated(adapter, VERSION, 1, 3, 2, OptionalInt.of(4)));
    }

    /** The value of the record of a reset before epoch 3, for {@link #VERSION}. */
    public static byte[] resetValue(String adapter) {
        return TopicJson.write(reset(adapter, VERSION, 3, 2));
    }

    static BoundaryRecord reset(String adapter, AdapterVersion version, int epoch, long move) {
        return BoundaryRecord.decided(
                adapter,
                version.numLayers(),
                Writer.RESET,
                version,
                "reset",
                Instant.EPOCH,
                decision(version, epoch, move, OptionalInt.of(4), Optional.empty()));
    }

    private static Decision decision(
            AdapterVersion version, int epoch, long move, OptionalInt beforeMove, Optional<Evidence> evidence) {
        return new Decision(
                "balanced",
                48,
                version.numLayers(),
                epoch,
                move,
                move == 0 ? 0 : 48,
                beforeMove,
                version.computeType(),
                LOOSE,
                new Certification(0.05, 2, 4.5),
                OptionalDouble.of(7.25),
                List.of(new Score(0, -2.5), new Score(2, -1), new Score(version.numLayers(), -1.25)),
                evidence);
    }
}
