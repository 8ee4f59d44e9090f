package io.tidemark.calibration;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Remembers the last {@value #REMEMBERED} batches by a fingerprint of their ids: 16 characters each, whatever clients
 * name them. Immutable.
 */
final class CountedBatches {

    static final int REMEMBERED = 2048;
    private static final int FINGERPRINT_BYTES = 12;

    private final Set<String> fingerprints;

    private CountedBatches(Set<String> fingerprints) {
        this.fingerprints = fingerprints;
    }

    static CountedBatches none() {
        return new CountedBatches(Set.of());
    }

    @JsonCreator
    static CountedBatches of(List<String> fingerprints) {
        return new CountedBatches(new LinkedHashSet<>(fingerprints));
    }

    /** Oldest first. */
    @JsonValue
    List<String> fingerprints() {
        return List.copyOf(fingerprints);
    }

    boolean contains(String batchId) {
        return fingerprints.contains(fingerprint(batchId));
    }

    CountedBatches plus(String batchId) {
        Set<String> more = new LinkedHashSet<>(fingerprints);
        more.add(fingerprint(batchId));
        if (more.size() > REMEMBERED) {
            more.remove(more.iterator().next());
        }
        return new CountedBatches(more);
    }

    private static String fingerprint(String batchId) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(batchId.getBytes(StandardCharsets.UTF_8));
            return Base64.getUrlEncoder().encodeToString(Arrays.copyOf(hash, FINGERPRINT_BYTES));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof CountedBatches that && fingerprints().equals(that.fingerprints());
    }

    @Override
    public int hashCode() {
        return fingerprints.hashCode();
    }

    @Override
    public String toString() {
        return fingerprints.size() + " batches";
    }
}
