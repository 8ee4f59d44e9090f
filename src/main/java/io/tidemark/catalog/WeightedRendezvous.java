package io.tidemark.catalog;

import io.tidemark.message.AdapterRecord.Target;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.List;

/**
 * The choice of a target by weighted rendezvous hashing (Schindelhauer and Schomaker, "Weighted Distributed Hash
 * Tables", 2005, the logarithmic method): of all targets, the one with the largest {@code ln(u) / weight}, where u is
 * uniform in (0, 1) and depends on alias, target and key. A target is chosen for its share of the keys. A change of
 * weights moves a key only to a target whose weight has grown relative to that of the earlier one.
 */
final class WeightedRendezvous {

    /** A double has 53 bits. */
    private static final int UNUSED_BITS = 11;

    private static final double SCALE = 0x1p-53;

    private WeightedRendezvous() {}

    /** The adapter that an alias stands for. The same arguments give the same adapter in each process. */
    static String choose(String alias, List<Target> targets, String key) {
        return targets.stream()
                .filter(target -> target.weight() > 0)
                .max(Comparator.comparingDouble(
                        target -> StrictMath.log(uniform(alias, target.adapter(), key)) / target.weight()))
                .map(Target::adapter)
                .orElseThrow();
    }

    /** The first 53 bits of SHA-256(alias, NUL, target, NUL, key), as the middle of one of 2^53 parts of (0, 1). */
    private static double uniform(String alias, String target, String key) {
        byte[] hash = sha256().digest((alias + '\0' + target + '\0' + key).getBytes(StandardCharsets.UTF_8));
        return ((ByteBuffer.wrap(hash).getLong() >>> UNUSED_BITS) + 0.5) * SCALE;
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
