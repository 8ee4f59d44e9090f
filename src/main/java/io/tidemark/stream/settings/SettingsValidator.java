package io.tidemark.stream.settings;

import io.quarkus.runtime.configuration.MemorySize;
import io.tidemark.stream.settings.TidemarkSettings.LimitSettings;
import io.tidemark.stream.settings.TidemarkSettings.TopicSettings;
import java.math.BigInteger;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;

/** The rules of {@link TidemarkSettings} that annotations can't express. Checked before the model is loaded. */
public final class SettingsValidator {

    /** The longest grace: below {@code max.poll.interval.ms}, after which a worker that does not poll is removed. */
    private static final Duration MAX_REVOKE_GRACE = Duration.ofMinutes(4);

    /** The longest time for a format: far below the limits of steps and admissions, after which the process ends. */
    private static final Duration MAX_FORMAT_TIME = Duration.ofSeconds(5);

    private static final int MAX_NAME_CHARACTERS = 249;

    private SettingsValidator() {}

    /** @throws IllegalArgumentException whose message begins with the name of the property */
    public static void require(TidemarkSettings settings) {
        settings.engine().kvBytes().ifPresent(bytes -> size("tidemark.engine.kv-bytes", bytes, 1, Long.MAX_VALUE));
        require(
                !settings.engine().deterministic()
                        || Set.of("auto", "int8").contains(settings.engine().computeType()),
                "tidemark.engine.deterministic needs tidemark.engine.compute-type=int8");
        size("tidemark.engine.prefix-cache", settings.engine().prefixCache(), 0, Long.MAX_VALUE);
        size("tidemark.engine.adapter-bytes", settings.engine().adapterBytes(), 1, Long.MAX_VALUE);
        size("tidemark.sources.cache-bytes", settings.sources().cacheBytes(), 0, Long.MAX_VALUE);
        size("tidemark.sources.adapter-bytes", settings.sources().adapterBytes(), 1, Long.MAX_VALUE);
        SourcesOfSettings.of(settings.sources());
        size("tidemark.limits.request-bytes", settings.limits().requestBytes(), 1, TopicSettings.MAX_RECORD_BYTES);
        formats(settings.limits());
        require(!settings.worker().shutdownGrace().isNegative(), "tidemark.worker.shutdown-grace must be 0S or more");
        double share = settings.worker().lowPriorityShare();
        require(share >= 0 && share <= 0.5, "tidemark.worker.low-priority-share must be from 0 to 0.5");
        require(
                !settings.worker().revokeGrace().isNegative()
                        && settings.worker().revokeGrace().compareTo(MAX_REVOKE_GRACE) <= 0,
                "tidemark.worker.revoke-grace must be from 0S to 4M");
        name("tidemark.worker.group", settings.worker().group());
        settings.workerId().ifPresent(id -> name("tidemark.worker-id", id));
        require(settings.tables().loadTimeout().toMillis() > 0, "tidemark.tables.load-timeout must be above 0S");
        require(
                settings.tables().maxStaleness().toMillis() >= 1000,
                "tidemark.tables.max-staleness must be 1S or more");
        require(
                Double.isFinite(settings.calibrator().tolerance()),
                "tidemark.calibrator.tolerance must be a finite number");
        require(
                !settings.calibrator().decisionInterval().isNegative(),
                "tidemark.calibrator.decision-interval must be 0S or more");
        RuleOfSettings.of(settings.calibrator());
        TenantPlan.of(settings.topics(), settings.tenants());
        ValidationTopics.of(settings.topics());
        short replicas = settings.topics().replicationFactor();
        require(replicas == -1 || replicas >= 1, "tidemark.topics.replication-factor must be -1, or 1 or more");
    }

    private static void formats(LimitSettings limits) {
        size("tidemark.limits.format-bytes", limits.formatBytes(), 1, TopicSettings.MAX_RECORD_BYTES);
        size("tidemark.limits.format-grammar-bytes", limits.formatGrammarBytes(), 1, Long.MAX_VALUE);
        size("tidemark.limits.format-cache-bytes", limits.formatCacheBytes(), 0, Long.MAX_VALUE);
        ofFormat("tidemark.limits.format-compile-time", limits.formatCompileTime());
        ofFormat("tidemark.limits.format-mask-time", limits.formatMaskTime());
        ofFormat("tidemark.limits.format-step-time", limits.formatStepTime());
    }

    private static void ofFormat(String property, Duration time) {
        require(
                !time.isNegative() && !time.isZero() && time.compareTo(MAX_FORMAT_TIME) <= 0,
                property + " must be above 0S and at most 5S");
    }

    /** Group and worker id are part of the metadata of committed offsets, whose size brokers limit. */
    private static void name(String property, String value) {
        require(
                URLEncoder.encode(value, StandardCharsets.UTF_8).length() <= MAX_NAME_CHARACTERS,
                property + " must have at most " + MAX_NAME_CHARACTERS + " characters in URL encoding");
    }

    private static void size(String property, MemorySize size, long min, long max) {
        BigInteger bytes = size.asBigInteger();
        require(
                bytes.compareTo(BigInteger.valueOf(min)) >= 0 && bytes.compareTo(BigInteger.valueOf(max)) <= 0,
                property + " must be from " + min + " to " + max + " bytes");
    }

    private static void require(boolean valid, String message) {
        if (!valid) {
            throw new IllegalArgumentException(message);
        }
    }
}
