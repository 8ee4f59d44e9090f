package io.tidemark.calibration.rule;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.curve.CurveStatistics;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.message.CalibrationStateRecord;
import io.tidemark.message.CalibrationStateRecord.Claim;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;

/**
 * What a calibrator has counted of one version of an adapter over the batches of one partition of
 * {@code validation-batches}. {@link CalibrationStateRecord} is its form on the topic {@code calibration-state}.
 * Immutable.
 *
 * @param adapter        the id of the adapter
 * @param inputPartition the partition of {@code validation-batches}
 * @param adapterDigest  the adapter version that scored the examples
 * @param baseModel      the name of the base model that scored the examples
 * @param baseDigest     the digest of its files; empty in states of older calibrators, which match every base of the
 *                       name
 * @param computeType    the numeric type of its linear modules; empty in states of older calibrators
 * @param numLayers      the number of layers L of the base model
 * @param countedBatches the last batches that were counted, oldest first: hashes of their ids, which bounds the size of
 *                       the record
 * @param countedContents digests of the examples of these batches, each behind the hash of the id and a dot; none for
 *                        batches that older calibrators counted
 * @param claim          the batch that a calibrator scores, or scored last without counting it
 * @param epoch          what counts in the epoch; empty if no calibrator with epochs has counted a batch
 * @param shadow         in shadow mode, what would be in force if the decisions were published
 * @param otherFields    fields of newer calibrators, which are written again
 */
public record CalibrationState(
        String adapter,
        int inputPartition,
        String adapterDigest,
        String baseModel,
        Optional<String> baseDigest,
        Optional<String> computeType,
        int numLayers,
        List<String> countedBatches,
        List<String> countedContents,
        Optional<Claim> claim,
        Optional<EpochState> epoch,
        Optional<InForce> shadow,
        Map<String, JsonNode> otherFields) {

    /** Whether a batch with an id was counted. */
    public enum Counted {
        /** There is none among the last batches of the partition. */
        NO,
        /** With the same examples, or an older calibrator counted it and its examples are unknown. */
        SAME,
        /** With other examples. */
        OTHER
    }

    /** Maximum number of batches that a state lists. */
    static final int MAX_COUNTED_BATCHES = 2048;

    private static final int HASH_BYTES = 12;

    /** @throws IllegalArgumentException if the epoch is of a model with another number of layers */
    public CalibrationState {
        if (epoch.filter(counted -> counted.set().numLayers() != numLayers).isPresent()) {
            throw new IllegalArgumentException(
                    "the epoch of the state must be of a model with " + numLayers + " layers, as its statistics are");
        }
        countedBatches = List.copyOf(countedBatches);
        countedContents = List.copyOf(countedContents);
        otherFields = Map.copyOf(otherFields);
    }

    /** A state without examples. */
    public static CalibrationState empty(String adapter, int inputPartition, LoadedVersion version) {
        return new CalibrationState(
                adapter,
                inputPartition,
                version.digest(),
                version.baseModel(),
                Optional.of(version.baseDigest()),
                Optional.of(version.computeType()),
                version.numLayers(),
                List.of(),
                List.of(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Map.of());
    }

    /**
     * Reads a record. What a calibrator without epochs has counted has no effect, since its examples have no test. An
     * epoch without the sums of capped differences counts as none; its batches stay counted.
     *
     * @throws IllegalArgumentException if fields of the record contradict each other or are too large
     */
    public static CalibrationState of(CalibrationStateRecord record) {
        return new CalibrationState(
                record.adapter(),
                record.inputPartition(),
                record.adapterDigest(),
                record.baseModel(),
                record.baseDigest(),
                record.computeType(),
                CurveStatistics.of(record.statistics()).numLayers(),
                record.countedBatches(),
                record.countedContents().orElse(List.of()),
                record.claim(),
                record.epoch().filter(epoch -> epoch.capped().isPresent()).map(EpochState::of),
                record.shadow().map(CalibrationState::inForce),
                record.otherFields());
    }

    /** The value of the Kafka record. */
    public CalibrationStateRecord toRecord() {
        return new CalibrationStateRecord(
                adapter,
                inputPartition,
                adapterDigest,
                baseModel,
                baseDigest,
                computeType,
                CurveStatistics.empty(numLayers).toRecord(),
                countedBatches,
                Optional.of(countedContents).filter(contents -> !contents.isEmpty()),
                claim,
                epoch.map(EpochState::toRecord),
                shadow.map(CalibrationState::toRecord),
                otherFields);
    }

    private static InForce inForce(CalibrationStateRecord.Shadow shadow) {
        Optional<HarmTest> test = shadow.unit()
                .map(unit -> new HarmTest(
                        shadow.margin().orElse(Double.NaN),
                        shadow.lossCap().orElse(Double.NaN),
                        shadow.gainCap().orElse(Double.NaN),
                        HarmTest.Unit.parse(unit)));
        return new InForce(
                shadow.boundary(),
                test.isPresent() ? InForce.Source.RULE : InForce.Source.NONE,
                shadow.epoch(),
                shadow.move(),
                shadow.examplesAtMove(),
                test);
    }

    private static CalibrationStateRecord.Shadow toRecord(InForce inForce) {
        Optional<HarmTest> test = inForce.test();
        return new CalibrationStateRecord.Shadow(
                inForce.boundary(),
                inForce.epoch(),
                inForce.move(),
                inForce.examplesAtMove(),
                optional(test.map(HarmTest::margin)),
                optional(test.map(HarmTest::lossCap)),
                optional(test.map(HarmTest::gainCap)),
                test.map(HarmTest::unit).map(HarmTest.Unit::written));
    }

    private static OptionalDouble optional(Optional<Double> value) {
        return value.map(OptionalDouble::of).orElse(OptionalDouble.empty());
    }

    /** The key of the Kafka record. */
    public String key() {
        return CalibrationStateRecord.key(adapter, inputPartition, baseDigest, computeType);
    }

    /** The key that older calibrators use. */
    public static String olderKey(String adapter, int inputPartition) {
        return CalibrationStateRecord.key(adapter, inputPartition, Optional.empty(), Optional.empty());
    }

    /** Whether the examples were scored with this adapter version and base model. An absent field matches. */
    public boolean isFor(LoadedVersion version) {
        return adapterDigest.equals(version.digest())
                && baseModel.equals(version.baseModel())
                && baseDigest
                        .filter(digest -> !digest.equals(version.baseDigest()))
                        .isEmpty()
                && computeType
                        .filter(type -> !type.equals(version.computeType()))
                        .isEmpty()
                && numLayers == version.numLayers();
    }

    /** This state if it is for {@code version}, an empty one otherwise. */
    public CalibrationState forVersion(LoadedVersion version) {
        return isFor(version) ? this : empty(adapter, inputPartition, version);
    }

    /** This state with the batches and unknown fields of a state that an older calibrator wrote. */
    public CalibrationState plusOlder(CalibrationState older) {
        List<String> counted = new ArrayList<>(older.countedBatches);
        counted.addAll(countedBatches);
        List<String> contents = new ArrayList<>(older.countedContents);
        contents.addAll(countedContents);
        Map<String, JsonNode> fields = new HashMap<>(older.otherFields);
        fields.putAll(otherFields);
        return with(counted, contents, claim, epoch, shadow, fields);
    }

    /**
     * Whether a batch with this id is one of the last {@value #MAX_COUNTED_BATCHES} batches of this partition.
     *
     * @param content the digest of the batch's examples, as in {@link TokenizedExample#digest}
     */
    public Counted counted(String batchId, String content) {
        String hash = hash(batchId);
        if (!countedBatches.contains(hash)) {
            return Counted.NO;
        }
        boolean other = countedContents.stream()
                .filter(entry -> entry.startsWith(hash + "."))
                .anyMatch(entry -> !entry.equals(hash + "." + content));
        return other ? Counted.OTHER : Counted.SAME;
    }

    /**
     * This state with one more batch, what counts after it, and without its claim.
     *
     * @param counting what counts in the epoch
     * @param wouldBe  as {@code shadow}
     * @throws IllegalArgumentException if a batch with the id was counted
     */
    public CalibrationState plus(String batchId, String content, EpochState counting, Optional<InForce> wouldBe) {
        String hash = hash(batchId);
        if (countedBatches.contains(hash)) {
            throw new IllegalArgumentException("a batch with this id was counted before");
        }
        List<String> counted = new ArrayList<>(countedBatches);
        counted.add(hash);
        List<String> contents = new ArrayList<>(countedContents);
        contents.add(hash + "." + content);
        return with(counted, contents, Optional.empty(), Optional.of(counting), wouldBe, otherFields);
    }

    /** This state after a decision without a batch. */
    public CalibrationState with(EpochState counting, Optional<InForce> wouldBe) {
        return with(countedBatches, countedContents, claim, Optional.of(counting), wouldBe, otherFields);
    }

    /** This state with a claim of the batch at {@code offset} of the input partition. */
    public CalibrationState claiming(String batchId, String content, long offset) {
        Claim claiming = new Claim(hash(batchId), offset, Optional.of(content));
        return with(countedBatches, countedContents, Optional.of(claiming), epoch, shadow, otherFields);
    }

    /** Whether the claim is for a batch with this id. */
    public boolean claims(String batchId) {
        return claim.filter(claimed -> claimed.batch().equals(hash(batchId))).isPresent();
    }

    private CalibrationState with(
            List<String> counted,
            List<String> contents,
            Optional<Claim> claim,
            Optional<EpochState> epoch,
            Optional<InForce> shadow,
            Map<String, JsonNode> fields) {
        List<String> kept = counted.subList(Math.max(0, counted.size() - MAX_COUNTED_BATCHES), counted.size());
        Set<String> ids = new HashSet<>(kept);
        return new CalibrationState(
                adapter,
                inputPartition,
                adapterDigest,
                baseModel,
                baseDigest,
                computeType,
                numLayers,
                kept,
                contents.stream()
                        .filter(entry -> ids.contains(entry.substring(0, Math.max(0, entry.indexOf('.')))))
                        .toList(),
                claim,
                epoch,
                shadow,
                fields);
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
