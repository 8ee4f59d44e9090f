package io.tidemark.stream.calibrator;

import io.tidemark.boundary.BoundaryRecord;
import io.tidemark.boundary.BoundaryRecordFormat;
import io.tidemark.calibration.BoundaryDecision;
import io.tidemark.calibration.CalibrationState;
import io.tidemark.calibration.CurveStatistics;
import io.tidemark.calibration.Decision;
import io.tidemark.stream.topics.TopicLayout;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.jboss.logging.Logger;

/**
 * What follows from a batch that was scored: decide, and commit state, boundary and offset together. A pin that came
 * between a decision and its commit is published again, so that a person has the last word.
 */
final class Conclusions {

    private static final Logger LOG = Logger.getLogger(Conclusions.class);

    private final TopicLayout topics;
    private final CalibratorTables tables;
    private final BatchTransactions transactions;
    private final BoundaryDecision decision;
    private final CalibrationListener listener;
    private final BoundaryRecordFormat format = new BoundaryRecordFormat();

    Conclusions(
            TopicLayout topics,
            CalibratorTables tables,
            BatchTransactions transactions,
            BoundaryDecision decision,
            CalibrationListener listener) {
        this.topics = topics;
        this.tables = tables;
        this.transactions = transactions;
        this.decision = decision;
        this.listener = listener;
    }

    /**
     * @param state   with the batch in it
     * @param seconds that the sweep took
     */
    void conclude(ConsumerRecord<byte[], byte[]> batch, UsableBatch usable, CalibrationState state, double seconds) {
        String adapter = usable.adapter().id();
        tables.refreshBoundaries();
        CurveStatistics merged = tables.evidence().with(state, usable.version()).merged();
        Decision decided = decision.decide(
                adapter, usable.version(), merged, tables.boundaries().entry(adapter), Instant.now());
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        records.add(new ProducerRecord<>(
                topics.calibrationState(), utf8(state.key()), tables.evidence().write(state)));
        decided.toPublish().map(this::toRecord).ifPresent(records::add);
        transactions.commit(batch, records);
        publishOvertakenPins();
        LOG.info(decided.summary());
        listener.onOutcome(new CalibrationOutcome(adapter, decided, seconds));
    }

    /** Also for what a predecessor left undone: it may have died between its commit and this. */
    void publishOvertakenPins() {
        tables.refreshBoundaries();
        tables.boundaries().overtakenPins().forEach((adapter, pin) -> {
            LOG.infof("the pin of '%s' was overtaken and is published again", adapter);
            transactions.publish(new ProducerRecord<>(topics.boundaries(), utf8(adapter), pin));
        });
    }

    private ProducerRecord<byte[], byte[]> toRecord(BoundaryRecord boundary) {
        return new ProducerRecord<>(topics.boundaries(), utf8(boundary.adapter()), format.write(boundary));
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
