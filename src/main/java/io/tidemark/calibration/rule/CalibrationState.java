package io.tidemark.calibration.rule;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.message.AdapterVersion;
import io.tidemark.message.CalibrationStateRecord;
import io.tidemark.message.CalibrationStateRecord.Claim;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a calibrator has counted of one version of an adapter over the batches of one partition of
 * {@code validation-batches}. {@link CalibrationStateRecord} is its form on the topic {@code calibration-state}.
 * Immutable.
 *
 * @param adapter        the id of the adapter
 * @param inputPartition the partition of {@code validation-batches}
 * @param version        the version that scored the examples
 * @param countedBatches the last batches that were counted, oldest first, which bounds the size of the record: the hash
 *                       of the id, a dot, and the digest of the examples
 * @param settings       the settings of the calibrator that wrote the state, see {@link RuleSettings#shared}
 * @param claim          the batch that a calibrator scores, or scored last without counting it
 * @param epoch          what counts in the epoch; empty before the first batch is counted
 * @param shadow         in shadow mode, what would be in force if the decisions were published
 * @param otherFields    fields of newer calibrators, which are written again
 */
public record CalibrationState(
        String adapter,
        int inputPartition,
        LoadedVersion version,
        List<String> countedBatches,
        Map<String, String> settings,
        Optional<Claim> claim,
        Optional<EpochState> epoch,
        Optional<InForce> shadow,
        Map<String, JsonNode> otherFields) {

    /** Whether a batch with an id was counted. */
    public enum CountedBefore {
        /** No batch with the id is among the last ones of the partition. */
        NO,
        /** A batch with the id and the same examples was counted. */
        SAME,
        /** A batch with the id and other examples was counted. */
        OTHER
    }

    /** Maximum number of batches that a state lists. */
    static final int MAX_COUNTED_BATCHES = 512;

    private static final int HASH_BYTES = 12;

    /** @throws IllegalArgumentException if the epoch is of a model with another number of layers */
    public CalibrationState {
        if (epoch.filter(counted -> counted.set().numLayers() != version.numLayers())
                .isPresent()) {
            throw new IllegalArgumentException(
                    "the epoch of the state must be of a model with " + version.numLayers() + " layers");
        }
        countedBatches = List.copyOf(countedBatches);
        settings = Map.copyOf(settings);
        otherFields = Map.copyOf(otherFields);
    }

    /** A state without examples. */
    public static CalibrationState empty(String adapter, int inputPartition, LoadedVersion version) {
        return new CalibrationState(
                adapter,
                inputPartition,
                version,
                List.of(),
                Map.of(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Map.of());
    }

    /**
     * Reads a record.
     *
     * @throws IllegalArgumentException if fields of the record contradict each other or are too large
     */
    public static CalibrationState of(CalibrationStateRecord record) {
        return new CalibrationState(
                record.adapter(),
                record.inputPartition(),
                loaded(record.version()),
                record.countedBatches(),
                record.settings(),
                record.claim(),
                record.epoch().map(EpochState::of),
                record.shadow().map(CalibrationState::inForce),
                record.otherFields());
    }

    /** This state as the value of a Kafka record. */
    public CalibrationStateRecord toRecord() {
        return new CalibrationStateRecord(
                adapter,
                inputPartition,
                recorded(version),
                countedBatches,
                settings,
                claim,
                epoch.map(EpochState::toRecord),
                shadow.map(inForce -> new CalibrationStateRecord.Shadow(
                        inForce.boundary(),
                        inForce.epoch(),
                        inForce.move(),
                        inForce.examplesAtMove(),
                        inForce.test().map(HarmTest::toRecord))),
                otherFields);
    }

    /** The form of a version in records. */
    public static AdapterVersion recorded(LoadedVersion version) {
        return new AdapterVersion(
                version.digest(),
                version.baseModel(),
                version.baseDigest(),
                version.computeType(),
                version.numLayers());
    }

    /** Converts the version that a record names. */
    static LoadedVersion loaded(AdapterVersion recorded) {
        return new LoadedVersion(
                recorded.baseModel(),
                recorded.baseDigest(),
                recorded.computeType(),
                recorded.adapterDigest(),
                recorded.numLayers());
    }

    private static InForce inForce(CalibrationStateRecord.Shadow shadow) {
        Optional<HarmTest> test = shadow.test().map(HarmTest::of);
        return new InForce(
                shadow.boundary(),
                test.isPresent() ? InForce.Origin.RULE : InForce.Origin.NONE,
                shadow.epoch(),
                shadow.move(),
                shadow.examplesAtMove(),
                test);
    }

    /** The key of the Kafka record. */
    public String key() {
        return CalibrationStateRecord.key(adapter, inputPartition, recorded(version));
    }

    /** This state if it is for {@code scored}, an empty one otherwise. */
    public CalibrationState forVersion(LoadedVersion scored) {
        return version.equals(scored) ? this : empty(adapter, inputPartition, scored);
    }

    /**
     * Whether a batch with this id is one of the last {@value #MAX_COUNTED_BATCHES} batches of this partition.
     *
     * @param content the digest of the batch's examples, as in {@link TokenizedExample#digest}
     */
    public CountedBefore counted(String batchId, String content) {
        String hash = hash(batchId);
        return countedBatches.stream()
                .filter(counted -> counted.startsWith(hash + "."))
                .findFirst()
                .map(counted -> counted.equals(hash + "." + content) ? CountedBefore.SAME : CountedBefore.OTHER)
                .orElse(CountedBefore.NO);
    }

    /**
     * This state with one more batch, what counts after it, and without its claim.
     *
     * @param counting what counts in the epoch
     * @param wouldBe  in shadow mode, what would be in force; see {@code shadow}
     * @throws IllegalArgumentException if a batch with the id was counted
     */
    public CalibrationState plus(String batchId, String content, EpochState counting, Optional<InForce> wouldBe) {
        if (counted(batchId, content) != CountedBefore.NO) {
            throw new IllegalArgumentException("a batch with this id was counted before");
        }
        List<String> counted = new ArrayList<>(countedBatches);
        counted.add(hash(batchId) + "." + content);
        return with(
                counted.subList(Math.max(0, counted.size() - MAX_COUNTED_BATCHES), counted.size()),
                Optional.empty(),
                Optional.of(counting),
                wouldBe);
    }

    /** This state after a decision without a batch. */
    public CalibrationState with(EpochState counting, Optional<InForce> wouldBe) {
        return with(countedBatches, claim, Optional.of(counting), wouldBe);
    }

    /** This state with a claim of the batch at {@code offset} of the input partition. */
    public CalibrationState claiming(String batchId, String content, long offset) {
        return with(countedBatches, Optional.of(new Claim(hash(batchId), offset, content)), epoch, shadow);
    }

    /** This state as a calibrator with these settings writes it. */
    public CalibrationState by(Map<String, String> writer) {
        return new CalibrationState(
                adapter, inputPartition, version, countedBatches, writer, claim, epoch, shadow, otherFields);
    }

    /** Whether the claim is for a batch with this id. */
    public boolean claims(String batchId) {
        return claim.filter(claimed -> claimed.batch().equals(hash(batchId))).isPresent();
    }

    private CalibrationState with(
            List<String> counted, Optional<Claim> open, Optional<EpochState> counting, Optional<InForce> wouldBe) {
        return new CalibrationState(
                adapter, inputPartition, version, counted, settings, open, counting, wouldBe, otherFields);
    }

    private static String hash(String batchId) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(batchId.getBytes(StandardCharsets.UTF_8));
            return Base64.getUrlEncoder().encodeToString(Arrays.copyOf(hash, HASH_BYTES));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("SHA-256 is part of every JDK", e);
        }
    }
}
