package io.tidemark.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.serving.CommandSettings;
import io.tidemark.client.BoundaryTopic;
import io.tidemark.client.Cluster;
import io.tidemark.client.DecisionTopic;
import io.tidemark.client.Topics;
import io.tidemark.message.AdapterVersion;
import io.tidemark.message.BoundaryDecisionRecord;
import io.tidemark.message.BoundaryDecisionRecord.EvidenceRow;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.BoundaryRecord.Decision;
import io.tidemark.message.BoundaryRecord.Evidence;
import io.tidemark.message.BoundaryRecord.Writer;
import io.tidemark.message.BoundaryRecords;
import io.tidemark.message.Certification;
import io.tidemark.message.HarmTestRecord;
import io.tidemark.message.TableEntry;
import io.tidemark.message.UncountedExamples;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Decisions on the command line")
class BoundaryDecisionsTest {

    private static final int LAYERS = 4;
    private static final Instant FIRST = Instant.parse("2026-01-01T00:00:00Z");
    private static final AdapterVersion VERSION = new AdapterVersion("a", "base", "b", "fp32", LAYERS);
    private static final Evidence BATCH = new Evidence("b\u001b1", "validation-batches", 1, 41);

    private static EmbeddedBroker broker;
    private static Cluster cluster;
    private static Topics topics;

    @BeforeAll
    static void start() {
        broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
        cluster = new Cluster(broker.bootstrapServers());
        topics = CommandSettings.topics(Optional.empty());
        CommandSettings.createTopics(cluster);
    }

    @AfterAll
    static void stop() {
        broker.close();
    }

    @Test
    @DisplayName("history lists the last decisions of the adapter, the newest last, with ln E and batch")
    void history() {
        put(decision("listed", 0, 4, 4, "too_few_samples", 1, true));
        put(decision("other", 1, 4, 2, "preferred", 1, true));
        put(decision("listed", 1, 4, 2, "preferred", 1, true));
        write(topics.boundaryDecisions(), "listed", "{\"adapter\": \"listed\"}");
        put(decision("listed", 2, 2, 4, "alarm", 1, false));
        CommandLineRun all = run("history", "listed");
        assertThat(all.exitCode()).as(all.err()).isZero();
        List<String> lines = all.out().lines().toList();
        assertThat(lines).hasSize(4);
        assertThat(lines.get(0)).startsWith("TIME").contains("BOUNDARY", "REASON", "LN E / NEEDED", "BATCH");
        assertThat(lines.get(1)).contains("2026-01-01T00:00:00Z", "4 → 4", "too_few_samples", "- / 5.08");
        assertThat(lines.get(2))
                .contains("2026-01-01T00:01:00Z", "4 → 2", "preferred", "212", "7.50 / 5.08", "validation-batches-1@41")
                .doesNotContain("shadow");
        assertThat(lines.get(3)).contains("2 → 4", "alarm", "7.50 / 5.08", "end of an epoch: alarm", "shadow");
        assertThat(all.err()).contains("1 records of 'listed'", "are not decisions");

        CommandLineRun last = run("history", "listed", "--limit", "2");
        assertThat(last.out().lines()).hasSize(3).noneMatch(line -> line.contains("too_few_samples"));
        assertThat(last.err()).contains("the last 2 of 3 decisions");
        assertThat(run("history", "listed", "--json", "--limit", "1").out().lines())
                .singleElement()
                .asString()
                .contains("\"adapter\":\"listed\"", "\"reason\":\"alarm\"", "\"published\":false");
        assertThat(run("history", "nobody").out()).contains("no decision on 'nobody'");
        assertThat(run("history", "listed", "--limit", "0").exitCode()).isEqualTo(2);
    }

    @Test
    @DisplayName("explain draws the differences with intervals, marks certified boundaries, and says what others need")
    void explain() {
        put(decision("explained", 0, 4, 4, "too_few_samples", 1, true));
        put(decision("explained", 1, 4, 2, "preferred", 1, true));
        CommandLineRun run = run("explain", "explained");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("'explained', decision of 2026-01-01T00:01:00Z after batch b?1 (validation-batches-1@41)")
                .contains("boundary 4 → 2 of 4, reason preferred, objective balanced, move 1")
                .contains("epoch 1, 212 examples in 5 batches; margin 0.02, loss cap 1.0, gain cap 0.5, alpha 0.05")
                .contains("● certified, or full LoRA", "○ not certified", "┃", "^ in force 2", "^ before 4")
                .contains("plain 95% interval", "not valid at a chosen time")
                .doesNotContain("\u001b");
        assertThat(row(run, 0)).contains("-1.4900 ± 0.2000", "-9.50 / 5.08", "not with examples as so far");
        assertThat(row(run, 1)).contains("+0.0050 ± 0.0300", "2.10 / 5.08").endsWith("  265 more");
        assertThat(row(run, 2)).contains("7.50 / 5.08", "certified");
        assertThat(row(run, 3)).contains("-0.0199", "longer than an epoch");
        assertThat(row(run, 4)).contains("full LoRA").doesNotContain("±");
        assertThat(run.out()).doesNotContain("This epoch has ended");
        put(decision("explained", 2, 2, 4, "alarm", 1, false));
        assertThat(run("explain", "explained").out())
                .contains("ended: alarm", "This epoch has ended", "shadow mode: not published");
        CommandLineRun nobody = run("explain", "nobody");
        assertThat(nobody.exitCode()).isEqualTo(1);
        assertThat(nobody.err()).contains("no decision on 'nobody'", "tidemark calibrate");
    }

    @Test
    @DisplayName("explain compares further examples with the length of the calibrator's epochs")
    void explainShortEpoch() {
        put(decision("short", 0, 4, 2, "preferred", 1, 400, true));
        assertThat(row(run("explain", "short"), 1)).endsWith("265 more, longer than an epoch");
        put(decision("short", 1, 4, 2, "preferred", 1, 477, true));
        assertThat(row(run("explain", "short"), 1)).endsWith("265 more");
    }

    @Test
    @DisplayName("rollback pins the boundary before the move, and is refused a second time, since a pin has no move")
    void rollback() {
        boundaries().put(tested("moved", 2, 1, 3, OptionalInt.of(3)));
        CommandLineRun run = run("rollback", "moved");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .contains(
                        "took back move 3 of 'moved': boundary 2 → 3, pinned",
                        "tidemark boundaries unset moved  keeps the examples so far",
                        "may move the boundary at once, also back to 2",
                        "tidemark boundaries reset moved  discards the examples so far");
        BoundaryRecord pin = record("moved");
        assertThat(pin.boundary()).isEqualTo(3);
        assertThat(pin.pins()).isTrue();
        assertThat(pin.reason()).contains("rollback of move 3");
        CommandLineRun again = run("rollback", "moved");
        assertThat(again.exitCode()).isEqualTo(1);
        assertThat(again.err()).contains("'moved' is pinned to 3", "no move to take back", "boundaries unset moved");
        assertThat(record("moved")).isEqualTo(pin);
    }

    @Test
    @DisplayName("rollback is refused without a record, without a move, and for a broken record, and says what to do")
    void rollbackRefused() {
        CommandLineRun none = run("rollback", "unknown");
        assertThat(none.exitCode()).isEqualTo(1);
        assertThat(none.err()).contains("no boundary record", "tidemark boundaries set unknown LAYERS");
        boundaries().put(tested("unmoved", LAYERS, 1, 0, OptionalInt.empty()));
        CommandLineRun unmoved = run("rollback", "unmoved");
        assertThat(unmoved.exitCode()).isEqualTo(1);
        assertThat(unmoved.err()).contains("(boundary 4) names no move", "boundaries history unmoved");
        assertThat(record("unmoved").pins()).isFalse();
        write(topics.boundaries(), "torn", "{");
        CommandLineRun torn = run("rollback", "torn");
        assertThat(torn.exitCode()).isEqualTo(1);
        assertThat(torn.err()).contains("is broken", "boundaries set torn LAYERS");
    }

    @Test
    @DisplayName("rollback after a withdrawal pins what the withdrawn boundary had replaced")
    void rollbackAfterWithdrawal() {
        boundaries().put(tested("withdrawn", LAYERS, 2, 1, OptionalInt.of(3)));
        assertThat(run("rollback", "withdrawn", "--reason", "a test").exitCode())
                .isZero();
        assertThat(record("withdrawn").boundary()).isEqualTo(3);
        assertThat(record("withdrawn").reason()).contains("a test");
    }

    @Test
    @DisplayName(
            "reset publishes full LoRA in the epoch after those of record, decision and states, and keeps the move")
    void reset() {
        put(decision("restarted", 0, 4, 2, "preferred", 2, true));
        boundaries().put(tested("restarted", 2, 1, 3, OptionalInt.of(3)));
        state("restarted", 0, "a", 5, 4);
        state("restarted", 1, "another version", 9, 9);
        CommandLineRun run = run("reset", "restarted");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("reset 'restarted': boundary 2 → 4 (full LoRA), epoch 6 begins");
        BoundaryRecord record = record("restarted");
        assertThat(record.boundary()).isEqualTo(LAYERS);
        assertThat(record.pins()).isFalse();
        assertThat(record.boundaryBeforeMove()).hasValue(3);
        assertThat(record.writer()).isEqualTo(Writer.RESET);
        Decision reset = record.decision().orElseThrow();
        assertThat(reset.scores()).isEmpty();
        assertThat(reset.objective()).isEqualTo("balanced");
        assertThat(reset.epoch()).isEqualTo(6);
        assertThat(reset.move()).isEqualTo(4);
        assertThat(reset.examplesAtMove()).isZero();
        assertThat(reset.certification().threshold()).isCloseTo(Math.log(4 * 6 * 7 / 0.05), within(1e-9));
        BoundaryDecisionRecord decision =
                decisions().read("restarted", 1).last().get(0);
        assertThat(decision.reason()).isEqualTo(BoundaryDecisionRecord.RESET);
        assertThat(decision.before()).isEqualTo(2);
        assertThat(decision.boundary()).isEqualTo(LAYERS);
        assertThat(decision.epoch().number()).isEqualTo(6);
        assertThat(decision.evidence()).isEmpty();

        assertThat(run("reset", "restarted").out()).contains("boundary 4 → 4", "epoch 7 begins");
        assertThat(record("restarted").decision().orElseThrow().certification().threshold())
                .isCloseTo(Math.log(4 * 7 * 8 / 0.05), within(1e-9));
        assertThat(run("explain", "restarted").out()).contains("by an operator", "the epoch begins without examples");
        assertThat(run("history", "restarted").out()).contains("end of an epoch: reset");
    }

    @Test
    @DisplayName("reset replaces a pin, and takes layers and test from the record or from the states alone")
    void resetFromLess() {
        boundaries().put(tested("recorded", 1, 3, 2, OptionalInt.of(4)));
        assertThat(run("reset", "recorded").out()).contains("boundary 1 → 4 (full LoRA), epoch 4 begins");
        assertThat(record("recorded").decision().orElseThrow().move()).isEqualTo(2);

        boundaries().put(BoundaryRecord.setByHand("stated", 1, "a test", FIRST));
        state("stated", 0, "a", 2, 1);
        CommandLineRun run = run("reset", "stated");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("boundary 1 → 4 (full LoRA), epoch 3 begins", "the pin is removed");
        assertThat(record("stated").pins()).isFalse();
        assertThat(record("stated").decision().orElseThrow().test().margin()).isEqualTo(0.03);
    }

    @Test
    @DisplayName("reset does not count epoch and move of a record of another compute type, whose boundary is in force")
    void resetOfAnotherType() {
        put(decision("quantized", 0, 4, 4, "chosen", 2, true));
        AdapterVersion int8 = new AdapterVersion("a", "base", "b", "int8", LAYERS);
        boundaries().put(BoundaryRecords.calibrated("quantized", int8, 2, 7, 5, OptionalInt.of(3)));
        CommandLineRun run = run("reset", "quantized");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("boundary 2 → 4 (full LoRA), epoch 3 begins");
        assertThat(record("quantized").decision().orElseThrow().move()).isEqualTo(1);
        assertThat(record("quantized").decision().orElseThrow().computeType()).isEqualTo("fp32");
    }

    @Test
    @DisplayName("reset says that calibrators in shadow mode do not read its record")
    void resetInShadow() {
        put(decision("shadowed", 0, 4, 2, "preferred", 1, false));
        assertThat(run("reset", "shadowed").out()).contains("boundary 4 → 4", "epoch 2", "shadow mode");
    }

    @Test
    @DisplayName("reset fails if another record is behind its own, and says that it is to be repeated")
    void resetOvertaken() {
        BoundaryRecord reset = tested("overtaken", LAYERS, 2, 1, OptionalInt.of(4));
        BoundaryReset.requireInForce(reset, new TableEntry.Present(reset));
        TableEntry other = new TableEntry.Present(tested("overtaken", 2, 1, 2, OptionalInt.of(4)));
        assertThatThrownBy(() -> BoundaryReset.requireInForce(reset, other))
                .isInstanceOf(CommandException.class)
                .hasMessageContaining("'overtaken'")
                .hasMessageContaining("run the command again");
        assertThatThrownBy(() -> BoundaryReset.requireInForce(reset, null)).isInstanceOf(CommandException.class);
    }

    @Test
    @DisplayName("reset is refused if nothing names the layers of the model, and writes nothing")
    void resetRefused() {
        boundaries().put(BoundaryRecord.setByHand("by-hand", 1, "a test", FIRST));
        CommandLineRun run = run("reset", "by-hand");
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).contains("nothing is known of how 'by-hand' is calibrated", "boundaries unset by-hand");
        assertThat(record("by-hand").pins()).isTrue();
        assertThat(decisions().read("by-hand", 1).last()).isEmpty();
    }

    @Test
    @DisplayName("list has a row for each record, and for each adapter without one that calibrators have scored")
    void list() {
        boundaries().put(tested("listed-moved", 2, 1, 3, OptionalInt.of(3)));
        state("listed-moved", 0, "a", 1, 3);
        write(topics.boundaries(), "listed-broken", "{");
        state("listed-broken", 0, "a", 1, 0);
        state("listed-full", 0, "a", 2, 0, 48);
        state("listed-full", 1, "a", 2, 0, 16);
        state("listed-full", 2, "a", 1, 0, 500);
        state("listed-full", 3, "an older version", 3, 0, 700);
        state("listed-full", 1, "a", 2, 0, 20);
        CommandLineRun run = run("list");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out().lines().filter(line -> line.startsWith("listed-")))
                .satisfiesExactly(
                        broken -> assertThat(broken).containsPattern("^listed-broken +all .*broken record: "),
                        full -> assertThat(full).matches("listed-full +4 of 4 +- +68 +- +a +no record: all layers"),
                        moved -> assertThat(moved).containsPattern("^listed-moved +2 of 4 "));
        assertThat(run.err()).contains("workers apply adapters that are not listed in all layers");
        assertThat(run("list", "--json").out().lines().filter(line -> line.contains("\"listed-")))
                .satisfiesExactly(
                        broken -> assertThat(broken).contains("\"boundary\":4", "\"writer\":\"none\"", "broken record"),
                        full -> assertThat(full)
                                .isEqualTo("{\"adapter\":\"listed-full\",\"boundary\":4,\"writer\":\"none\","
                                        + "\"version\":{\"adapter_digest\":\"a\",\"base_model\":\"base\",\"base_digest\":"
                                        + "\"b\",\"num_layers\":4},\"reason\":\"no record: all layers\"}"),
                        moved -> assertThat(moved).contains("\"boundary\":2", "\"writer\":\"calibrator\""));
    }

    private static String row(CommandLineRun run, int boundary) {
        return run.out()
                .lines()
                .dropWhile(line -> !line.startsWith("BOUNDARY"))
                .filter(line -> line.startsWith("       " + boundary + " "))
                .findFirst()
                .orElseThrow();
    }

    private static CommandLineRun run(String... arguments) {
        String[] all = new String[arguments.length + 3];
        System.arraycopy(arguments, 0, all, 1, arguments.length);
        all[0] = "boundaries";
        all[all.length - 2] = "--broker";
        all[all.length - 1] = cluster.brokers();
        return CommandLineRun.of(all);
    }

    private static BoundaryTopic boundaries() {
        return new BoundaryTopic(cluster, topics);
    }

    private static DecisionTopic decisions() {
        return new DecisionTopic(cluster, topics);
    }

    private static void put(BoundaryDecisionRecord decision) {
        decisions().put(decision);
    }

    private static BoundaryRecord record(String adapter) {
        return ((TableEntry.Present) boundaries().read().get(adapter)).record();
    }

    private static void write(String topic, String key, String value) {
        try (Producer<String, byte[]> producer = cluster.producer()) {
            producer.send(new ProducerRecord<>(topic, key, value.getBytes(StandardCharsets.UTF_8)));
        }
    }

    private static BoundaryDecisionRecord decision(
            String adapter, int minute, int before, int boundary, String reason, int epoch, boolean published) {
        return decision(adapter, minute, before, boundary, reason, epoch, 2000, published);
    }

    private static BoundaryDecisionRecord decision(
            String adapter,
            int minute,
            int before,
            int boundary,
            String reason,
            int epoch,
            int maxExamples,
            boolean published) {
        return new BoundaryDecisionRecord(
                adapter,
                VERSION,
                FIRST.plusSeconds(60L * minute),
                before,
                boundary,
                reason,
                "balanced",
                1,
                new BoundaryDecisionRecord.Epoch(
                        epoch,
                        212,
                        UncountedExamples.NONE,
                        5,
                        maxExamples,
                        Optional.of("alarm").filter(reason::equals)),
                new HarmTestRecord(0.02, 1, 0.5),
                new Certification(0.05, LAYERS, Math.log(LAYERS * epoch * (epoch + 1) / 0.05)),
                new BoundaryDecisionRecord.Watch(0, 10_000),
                List.of(
                        row(0, -1.49, 0.2, -9.5, false, List.of(-90.0, -30.0, -19.0, -10.0, -7.2)),
                        row(1, 0.005, 0.03, 2.1, false, List.of(2.5, 2.0, 1.5, 1.0, 0.5)),
                        row(2, 0.01, 0.02, 7.5, true, List.of(8.0, 5.0, 2.5, 1.0, 0.5)),
                        row(3, -0.0199, 0.02, 0.1, false, List.of(0.1, 0.1, 0.1, 0.1, 0.1)),
                        new EvidenceRow(
                                LAYERS,
                                -1.01,
                                0,
                                OptionalDouble.of(0),
                                OptionalDouble.empty(),
                                OptionalDouble.empty(),
                                true,
                                Optional.empty())),
                List.of(),
                Optional.empty(),
                Optional.of(BATCH),
                published);
    }

    private static EvidenceRow row(
            int boundary, double difference, double interval, double logE, boolean certified, List<Double> sums) {
        return new EvidenceRow(
                boundary,
                -1.01 + difference,
                difference,
                OptionalDouble.of(interval),
                OptionalDouble.of(difference),
                OptionalDouble.of(logE),
                certified,
                Optional.of(sums));
    }

    private static BoundaryRecord tested(String adapter, int boundary, int epoch, long move, OptionalInt beforeMove) {
        return BoundaryRecords.calibrated(adapter, VERSION, boundary, epoch, move, beforeMove);
    }

    private static void state(String adapter, int partition, String digest, int epoch, long move) {
        state(adapter, partition, digest, epoch, move, 0);
    }

    private static void state(String adapter, int partition, String digest, int epoch, long move, int examples) {
        write(
                topics.calibrationState(),
                adapter + "/" + partition + "/" + digest + "/b/fp32",
                ("""
                        {"adapter": "%s", "input_partition": %d, "version": {"adapter_digest": "%s", "base_model": "base",
                         "base_digest": "b", "compute_type": "fp32", "num_layers": 4}, "counted_batches": [],
                         "settings": {}, "epoch": {"epoch": %d, "test": {"margin": 0.03, "loss_cap": 1.0, "gain_cap": 0.5}, "candidates": [0,2,4], "batches": 0,
                          "examples": %d, "uncounted": {"repeats": 0, "repeated_groups": 0, "refused": 0},
                          "statistics": {"count": %d, "means": [0,0,0], "comoments": [0,0,0,0,0,0]}, "sums": [],
                          "capped": [], "watch": {"move": %d, "boundary": 4, "values": [0,0,0]}, "filter": ""}}""").formatted(adapter, partition, digest, epoch, examples, examples, move));
    }
}
