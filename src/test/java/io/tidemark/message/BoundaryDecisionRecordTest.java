package io.tidemark.message;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.schema.Schema;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A boundary decision")
class BoundaryDecisionRecordTest {

    private static final List<Double> SUMS = List.of(8.0, 5.0, 2.5, 1.0, 0.5);
    private static final BoundaryRecord.Evidence BATCH = new BoundaryRecord.Evidence("b1", "validation-batches", 3, 41);

    @Test
    @DisplayName("Is written with all fields in the order of its components, and read again")
    void allFields() {
        String json = json(decision("preferred", Optional.of("full"), Optional.of(BATCH)));
        assertThat(json)
                .isEqualTo("{\"adapter\":\"a\",\"version\":{\"adapter_digest\":\"3fa2\",\"base_model\":\"smollm2\","
                        + "\"base_digest\":\"ba5e\",\"compute_type\":\"fp32\",\"num_layers\":2},"
                        + "\"decided_at\":\"2026-11-25T12:00:00.500Z\",\"before\":2,\"boundary\":1,"
                        + "\"reason\":\"preferred\",\"objective\":\"balanced\",\"move\":1,"
                        + "\"epoch\":{\"number\":1,\"examples\":48,"
                        + "\"uncounted\":{\"repeats\":3,\"repeated_groups\":1,\"refused\":2},"
                        + "\"batches\":6,\"max_examples\":2000,\"end\":\"full\"},"
                        + "\"test\":{\"margin\":0.02,\"loss_cap\":1.0,\"gain_cap\":0.5},"
                        + "\"certification\":{\"alpha\":0.05,\"tested\":1,\"threshold\":4.5},"
                        + "\"watch\":{\"value\":0.0,\"threshold\":10000.0},\"boundaries\":["
                        + "{\"boundary\":1,\"mean\":-1.0,\"difference\":0.5,\"interval\":0.25,\"capped\":0.375,\"log_e\":7.5,"
                        + "\"certified\":true,\"sums\":[8.0,5.0,2.5,1.0,0.5]},"
                        + "{\"boundary\":2,\"mean\":-1.5,\"difference\":0.0,\"certified\":true}],"
                        + "\"dropped\":[{\"boundary\":0,\"examples\":32,\"difference\":-0.5,\"log_e\":-7.25}],"
                        + "\"conflict\":\"alpha 0.1 there, 0.05 here\","
                        + "\"evidence\":{\"batch_id\":\"b1\",\"topic\":\"validation-batches\",\"partition\":3,"
                        + "\"offset\":41},\"published\":true}");
        assertThat(read("a", json)).isEqualTo(decision("preferred", Optional.of("full"), Optional.of(BATCH)));
        assertThat(read("a", json).changesBoundary()).isTrue();
        assertThat(Schema.named("boundary-decision").problems(json)).isEmpty();
    }

    @Test
    @DisplayName("Has neither a batch nor the end of an epoch if there is none")
    void absentFields() {
        BoundaryDecisionRecord decision = decision(BoundaryDecisionRecord.RESET, Optional.empty(), Optional.empty());
        String json = json(decision);
        assertThat(json).doesNotContain("evidence", "\"end\"");
        assertThat(read("a", json)).isEqualTo(decision);
        assertThat(Schema.named("boundary-decision").problems(json)).isEmpty();
    }

    @Test
    @DisplayName("Is refused with the key of another adapter, without a value, and without a field")
    void refused() {
        String json = json(decision("chosen", Optional.empty(), Optional.of(BATCH)));
        assertThatThrownBy(() -> read("b", json)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> BoundaryDecisionRecord.parse("a", null)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> read("a", json.replace("\"number\":1,", "")))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> read("a", json.replace("\"reason\":\"chosen\",", "")))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> read("a", json.replace("[8.0,", "["))).isInstanceOf(IllegalArgumentException.class);
    }

    private static BoundaryDecisionRecord read(String key, String json) {
        return BoundaryDecisionRecord.parse(key, json.getBytes(StandardCharsets.UTF_8));
    }

    private static String json(BoundaryDecisionRecord decision) {
        return new String(TopicJson.write(decision), StandardCharsets.UTF_8);
    }

    private static BoundaryDecisionRecord decision(
            String reason, Optional<String> epochEnd, Optional<BoundaryRecord.Evidence> evidence) {
        return new BoundaryDecisionRecord(
                "a",
                new AdapterVersion("3fa2", "smollm2", "ba5e", "fp32", 2),
                Instant.parse("2026-11-25T12:00:00.5Z"),
                2,
                1,
                reason,
                "balanced",
                1,
                new BoundaryDecisionRecord.Epoch(1, 48, new UncountedExamples(3, 1, 2), 6, 2000, epochEnd),
                new HarmTestRecord(0.02, 1, 0.5),
                new Certification(0.05, 1, 4.5),
                new BoundaryDecisionRecord.Watch(0, 10_000),
                List.of(
                        new BoundaryDecisionRecord.EvidenceRow(
                                1,
                                -1,
                                0.5,
                                OptionalDouble.of(0.25),
                                OptionalDouble.of(0.375),
                                OptionalDouble.of(7.5),
                                true,
                                Optional.of(SUMS)),
                        new BoundaryDecisionRecord.EvidenceRow(
                                2,
                                -1.5,
                                0,
                                OptionalDouble.empty(),
                                OptionalDouble.empty(),
                                OptionalDouble.empty(),
                                true,
                                Optional.empty())),
                List.of(new DroppedBoundary(0, 32, -0.5, -7.25)),
                Optional.of("alpha 0.1 there, 0.05 here"),
                evidence,
                true);
    }
}
