package io.tidemark.calibration;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.boundary.LoadedVersion;
import io.tidemark.message.CalibrationStateRecord;
import io.tidemark.message.CalibrationStateRecord.Claim;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
 * @param statistics     the statistics of the examples
 * @param countedBatches the last batches that the statistics include, oldest first: hashes of their ids, which bounds
 *                       the size of the record
 * @param countedContents digests of the examples of these batches, each behind the hash of the id and a dot; none for
 *                        batches that older calibrators counted
 * @param claim          the batch that a calibrator scores, or scored last without counting it
 * @param otherFields    fields of newer calibrators, which are written again
 */
public record CalibrationState(
        String adapter,
        int inputPartition,
        String adapterDigest,
        String baseModel,
        Optional<String> baseDigest,
        Optional<String> computeType,
        CurveStatistics statistics,
        List<String> countedBatches,
        List<String> countedContents,
        Optional<Claim> claim,
        Map<String, JsonNode> otherFields) {

    /** Whether the statistics include a batch with an id. */
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

    public CalibrationState {
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
                CurveStatistics.empty(version.numLayers()),
                List.of(),
                List.of(),
                Optional.empty(),
                Map.of());
    }

    /** @throws IllegalArgumentException if the statistics of the record contradict each other or are too large */
    public static CalibrationState of(CalibrationStateRecord record) {
        return new CalibrationState(
                record.adapter(),
                record.inputPartition(),
                record.adapterDigest(),
                record.baseModel(),
                record.baseDigest(),
                record.computeType(),
                CurveStatistics.of(record.statistics()),
                record.countedBatches(),
                record.countedContents().orElse(List.of()),
                record.claim(),
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
                statistics.toRecord(),
                countedBatches,
                Optional.of(countedContents).filter(contents -> !contents.isEmpty()),
                claim,
                otherFields);
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
                && statistics.numLayers() == version.numLayers();
    }

    /** This state if it is for {@code version}, an empty one otherwise. Scores of two versions cannot be merged. */
    public CalibrationState forVersion(LoadedVersion version) {
        return isFor(version) ? this : empty(adapter, inputPartition, version);
    }

    /** This state with the examples, batches and unknown fields of a state that an older calibrator wrote. */
    public CalibrationState plusOlder(CalibrationState older) {
        List<String> counted = new ArrayList<>(older.countedBatches);
        counted.addAll(countedBatches);
        List<String> contents = new ArrayList<>(older.countedContents);
        contents.addAll(countedContents);
        Map<String, JsonNode> fields = new HashMap<>(older.otherFields);
        fields.putAll(otherFields);
        return with(older.statistics.merge(statistics), counted, contents, claim, fields);
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

    /** This state with one more batch and without its claim; unchanged if it already includes a batch with the id. */
    public CalibrationState plus(String batchId, String content, List<ExampleScore> scores) {
        String hash = hash(batchId);
        if (countedBatches.contains(hash)) {
            return this;
        }
        List<String> counted = new ArrayList<>(countedBatches);
        counted.add(hash);
        List<String> contents = new ArrayList<>(countedContents);
        contents.add(hash + "." + content);
        return with(statistics.plus(scores), counted, contents, Optional.empty(), otherFields);
    }

    /** This state with a claim of the batch at {@code offset} of the input partition. */
    public CalibrationState claiming(String batchId, String content, long offset) {
        Claim claiming = new Claim(hash(batchId), offset, Optional.of(content));
        return with(statistics, countedBatches, countedContents, Optional.of(claiming), otherFields);
    }

    /** Whether the claim is for a batch with this id. */
    public boolean claims(String batchId) {
        return claim.filter(claimed -> claimed.batch().equals(hash(batchId))).isPresent();
    }

    private CalibrationState with(
            CurveStatistics statistics,
            List<String> counted,
            List<String> contents,
            Optional<Claim> claim,
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
                statistics,
                kept,
                contents.stream()
                        .filter(entry -> ids.contains(entry.substring(0, Math.max(0, entry.indexOf('.')))))
                        .toList(),
                claim,
                fields);
    }

    /**
     * The statistics of all input partitions together. The batches of one adapter may be on several partitions, since
     * the partitioners of clients differ.
     *
     * @param states states of one adapter with different keys; states of other versions are ignored
     */
    public static CurveStatistics merge(LoadedVersion version, Collection<CalibrationState> states) {
        // floating-point sums depend on the order: sort, so that every calibrator computes the same bits
        return states.stream()
                .filter(state -> state.isFor(version))
                .sorted(Comparator.comparingInt(CalibrationState::inputPartition)
                        .thenComparing(CalibrationState::key))
                .map(CalibrationState::statistics)
                .reduce(CurveStatistics.empty(version.numLayers()), CurveStatistics::merge);
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
