package io.tidemark.stream.calibrator;

import io.tidemark.stream.tables.HighWatermarks;
import io.tidemark.stream.tables.TableReader;
import io.tidemark.stream.topics.TopicLayout;
import java.time.Duration;
import java.util.Map;

/**
 * State and boundaries, read to their ends whenever the calibrator is about to rely on them. The ends count open
 * transactions in: the state that a batch builds on is never older than what the offset that led to it was committed
 * with.
 */
final class CalibratorTables implements AutoCloseable {

    /** Above the transaction timeout, after which a dead calibrator's transaction is aborted. */
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final HighWatermarks ends;
    private final TableReader stateReader;
    private final TableReader boundaryReader;
    private final Evidence evidence = new Evidence();
    private final BoundaryView boundaries = new BoundaryView();

    CalibratorTables(Map<String, Object> kafka, TopicLayout topics) {
        ends = new HighWatermarks(kafka);
        try {
            stateReader = new TableReader(kafka, topics.calibrationState());
        } catch (RuntimeException e) {
            ends.close();
            throw e;
        }
        try {
            boundaryReader = new TableReader(kafka, topics.boundaries());
        } catch (RuntimeException e) {
            stateReader.close();
            ends.close();
            throw e;
        }
    }

    void refreshEvidence() {
        stateReader.readTo(ends.of(stateReader.partitions()), evidence::apply, PATIENCE);
    }

    void refreshBoundaries() {
        boundaryReader.readTo(ends.of(boundaryReader.partitions()), boundaries::apply, PATIENCE);
    }

    Evidence evidence() {
        return evidence;
    }

    BoundaryView boundaries() {
        return boundaries;
    }

    @Override
    public void close() {
        ends.close();
        stateReader.close();
        boundaryReader.close();
    }
}
