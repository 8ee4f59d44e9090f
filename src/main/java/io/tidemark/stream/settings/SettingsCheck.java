package io.tidemark.stream.settings;

import io.quarkus.runtime.configuration.MemorySize;
import java.math.BigInteger;
import java.util.Optional;

/** The rules that annotations can't say, asked before a model is loaded: a start should not fail after minutes. */
public final class SettingsCheck {

    /** As much as the topic of requests takes. */
    private static final long MOST_REQUEST_BYTES = 4 * 1024 * 1024;

    private SettingsCheck() {}

    /** @throws IllegalArgumentException that begins with the property's name */
    public static void require(TidemarkSettings settings) {
        settings.engine().kvBytes().ifPresent(bytes -> size("tidemark.engine.kv-bytes", bytes, 1, Long.MAX_VALUE));
        holds(
                !settings.engine().deterministic()
                        || settings.engine().computeType().equals(Optional.of("int8")),
                "tidemark.engine.deterministic needs tidemark.engine.compute-type=int8");
        size("tidemark.engine.prefix-cache", settings.engine().prefixCache(), 0, Long.MAX_VALUE);
        size("tidemark.engine.adapter-bytes", settings.engine().adapterBytes(), 1, Long.MAX_VALUE);
        size("tidemark.engine.packed-lora-bytes", settings.engine().packedLoraBytes(), 0, Long.MAX_VALUE);
        size("tidemark.limits.request-bytes", settings.limits().requestBytes(), 1, MOST_REQUEST_BYTES);
        holds(!settings.worker().shutdownGrace().isNegative(), "tidemark.worker.shutdown-grace must be 0S or more");
        holds(settings.tables().loadTimeout().toMillis() > 0, "tidemark.tables.load-timeout must be above 0S");
        holds(
                Double.isFinite(settings.calibrator().tolerance()),
                "tidemark.calibrator.tolerance must be a finite number");
        short copies = settings.topics().replicationFactor();
        holds(copies == -1 || copies >= 1, "tidemark.topics.replication-factor must be -1, or 1 or more");
    }

    private static void size(String property, MemorySize size, long least, long most) {
        BigInteger bytes = size.asBigInteger();
        holds(
                bytes.compareTo(BigInteger.valueOf(least)) >= 0 && bytes.compareTo(BigInteger.valueOf(most)) <= 0,
                property + " must be from " + least + " to " + most + " bytes");
    }

    private static void holds(boolean rule, String message) {
        if (!rule) {
            throw new IllegalArgumentException(message);
        }
    }
}
