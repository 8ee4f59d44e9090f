package io.tidemark.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.cli.demo.DemoReport.Calibration;
import io.tidemark.cli.demo.DemoReport.Published;
import io.tidemark.cli.demo.DemoReport.Reply;
import io.tidemark.client.RequestResult;
import io.tidemark.fixture.SampleResults;
import io.tidemark.message.BoundaryDecisionRecord;
import io.tidemark.message.Provenance;
import io.tidemark.message.TopicJson;
import io.tidemark.plot.CharacterPlot;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Output of the demo")
class DemoViewsTest {

    private static final Calibration CALIBRATION = Calibration.of(4, SampleDecisions.moved(), 1.25);

    private static final Published PUBLISHED = new Published("a-v2", "file:a", "0123456789abcdef".repeat(4), 7, 1.25);

    private final StringWriter out = new StringWriter();

    @Test
    @DisplayName("The JSON output is one object with the documented fields")
    void json() throws Exception {
        Reply reply = new Reply("id-1", "a", 1, 4, 4, "text", 3, 0.24, 12.5);
        new DemoView.Json(new PrintWriter(out), new PrintWriter(new StringWriter()))
                .finished(new DemoReport(
                        List.of(reply), List.of(), List.of(CALIBRATION), PUBLISHED, "h:1", List.of("t")));
        JsonNode expected = new ObjectMapper().readTree("""
                {"requests": [{"id": "id-1", "adapter": "a", "round": 1, "boundary": 4, "num_layers": 4, "text": "text",
                  "completion_tokens": 3, "seconds": 0.24, "tokens_per_second": 12.5}],
                 "formats": [],
                 "calibrations": [{"adapter": "a", "samples": 64, "boundary_before": 4, "boundary_after": 2, "objective": "balanced",
                  "num_layers": 4, "seconds": 1.25}],
                 "published": {"name": "a-v2", "source": "file:a", "seconds": 1.25, "offset": 7,
                  "digest": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
                 "broker": "h:1", "topics": ["t"]}""");
        assertThat(out.toString().lines()).hasSize(1);
        JsonNode report = new ObjectMapper().readTree(out.toString());
        JsonNode decisions = ((ObjectNode) report.path("calibrations").get(0)).remove("decisions");
        assertThat(report).isEqualTo(expected);
        assertThat(decisions).hasSize(3);
        assertThat(decisions.get(1))
                .isEqualTo(new ObjectMapper()
                        .readTree(TopicJson.write(CALIBRATION.decisions().get(1))));
        assertThat(decisions.get(1).path("boundaries").get(2).path("log_e").asDouble())
                .isEqualTo(6.02);
    }

    @Test
    @DisplayName(
            "The picture has the last decision's intervals, certified boundaries, and the boundaries before and after")
    void picture() {
        List<String> lines = CharacterPlot.of(new DecisionEvidence(SampleDecisions.moved()).plot())
                .lines()
                .toList();
        assertThat(lines.get(0)).isEqualTo("a: difference to full LoRA in nats per gold token, 64 examples");
        assertThat(lines.subList(2, lines.size()).stream().filter(line -> line.contains("●")))
                .as("boundaries 2, 3 and 4 are certified or full LoRA")
                .hasSizeBetween(1, 3);
        assertThat(String.join("", lines)).contains("○", "┃");
        String axis = lines.get(lines.size() - 3);
        String after = lines.get(lines.size() - 2);
        String before = lines.get(lines.size() - 1);
        assertThat(after).contains("in force 2");
        assertThat(after.indexOf('^')).isEqualTo(axis.indexOf('2'));
        assertThat(before).contains("before 4");
        assertThat(before.indexOf('^')).isEqualTo(axis.indexOf('4'));
    }

    @Test
    @DisplayName("The table has the evidence of each decision, and of full LoRA the closest boundary")
    void decisions() {
        assertThat(new DecisionEvidence(SampleDecisions.moved()).table().lines().map(DemoViewsTest::words))
                .containsExactly(
                        "EXAMPLES EPOCH AFTER BATCH BOUNDARY TESTED LN E / NEEDED DIFFERENCE",
                        "16 1 validation-batches-2@0 stays 4 3 0.31 / 5.08 +0.010 ± 0.040",
                        "48 1 validation-batches-2@2 4 → 2 2 6.02 / 5.08 +1.000 ± 0.200",
                        "64 1 validation-batches-2@3 stays 2 2 8.50 / 5.08 +1.000 ± 0.150");
    }

    @Test
    @DisplayName("The explanation states what the test guarantees, and calls the interval descriptive")
    void explanation() {
        assertThat(words(new DecisionEvidence(SampleDecisions.moved()).explanation()))
                .contains(
                        "at least 95%,",
                        "by more than 0.02 nats per token",
                        "capped at -1 and +0.5",
                        "a plain 95% interval, which is descriptive: no decision uses it.");
    }

    @Test
    @DisplayName("The terminal shows the evidence with the verdict, and explains it once")
    void calibrated() {
        TerminalDemoView view = new TerminalDemoView(new PrintWriter(out), new PrintWriter(new StringWriter()));
        for (int i = 0; i < 2; i++) {
            view.calibrating("a", 64, 16);
            view.calibrated(CALIBRATION);
        }
        assertThat(out.toString())
                .contains(
                        "Calibration of 'a': 64 examples in batches of 16 on 'validation-batches'",
                        "48      1  validation-batches-2@2",
                        "On 'adapter-boundaries': the boundary of 'a' moves from 4 to 2 of 4 layers (balanced, 64 examples, 1.3 s).");
        assertThat(out.toString().split("which is descriptive", -1)).hasSize(2);
    }

    @Test
    @DisplayName("The verdict on a boundary that stays says whether another one is certified")
    void stays() {
        List<BoundaryDecisionRecord> first = SampleDecisions.moved().subList(0, 1);
        assertThat(new DecisionEvidence(first).verdict(4))
                .isEqualTo("The boundary of 'a' stays at 4 of 4 layers; none below it is certified");
        assertThat(new DecisionEvidence(SampleDecisions.moved()).verdict(2))
                .isEqualTo("The boundary of 'a' stays at 2 of 4 layers");
    }

    private static String words(String text) {
        return text.strip().replaceAll("\\s+", " ");
    }

    @Test
    @DisplayName("The text of concurrent requests is printed one request after another")
    void streaming() {
        Map<String, String> prompts = new LinkedHashMap<>();
        prompts.put("one", "first?");
        prompts.put("two", "second?");
        RoundPrinter round = new RoundPrinter(new PrintWriter(out), prompts);
        round.onText("two", 0, " B");
        round.onText("one", 0, " A");
        round.onResult(result("two", " Bb"));
        round.onText("one", 0, "a");
        round.onResult(result("one", " Aa"));
        assertThat(out.toString().lines().filter(line -> line.startsWith("  >")))
                .containsExactly("  > Aa", "  > Bb");
        assertThat(out.toString())
                .containsSubsequence(
                        "first?", "> Aa", "boundary 3 of 8, 2 tokens, 0.10 s, 20 tokens/s", "second?", "> Bb");
    }

    @Test
    @DisplayName("The comparison has both boundaries and the curve's value at each")
    void comparison() {
        String table = TerminalDemoView.comparison(
                List.of(new Reply("1", "a", 1, 4, 4, "long text", 3, 0.3, 10)),
                List.of(new Reply("2", "a", 2, 2, 4, "short text", 3, 0.15, 20)),
                List.of(CALIBRATION));
        assertThat(table)
                .contains(
                        "boundary 4 of 4",
                        "boundary 2 of 4",
                        "-2.500",
                        "-1.500",
                        "3 tokens, 0.30 s, 10 tokens/s",
                        "3 tokens, 0.15 s, 20 tokens/s",
                        "long text",
                        "short text");
    }

    @Test
    @DisplayName("The terminal shows the record of the adapter that was added, and the time to its first result")
    void published() {
        new TerminalDemoView(new PrintWriter(out), new PrintWriter(new StringWriter())).published(PUBLISHED);
        assertThat(out.toString())
                .contains(
                        "'a-v2' is file:a, digest 0123456789ab…, offset 7. Its first result came 1.3 s after the record.");
    }

    @Test
    @DisplayName("The boundary gauge of the adapter is read from the metrics")
    void gauge() {
        String metrics =
                "# TYPE tidemark_boundary gauge\ntidemark_boundary{adapter=\"b\"} 3.0\ntidemark_boundary{adapter=\"a\"} 12.0\n"
                        + "tidemark_boundary{adapter=\"cold\"} NaN\n";
        assertThat(ServingThread.boundary(metrics, "a")).isEqualTo(12);
        assertThat(ServingThread.boundary(metrics, "c")).isEqualTo(-1);
        assertThat(ServingThread.boundary(metrics, "cold")).isEqualTo(-1);
    }

    private static RequestResult result(String id, String text) {
        return new RequestResult(id, SampleResults.completion(id, "a", text, new Provenance.Source("t", 0, 7)), "{}");
    }
}
