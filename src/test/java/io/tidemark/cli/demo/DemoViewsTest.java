package io.tidemark.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.cli.demo.DemoReport.Calibration;
import io.tidemark.cli.demo.DemoReport.Reply;
import io.tidemark.client.RequestResult;
import io.tidemark.fixture.SampleResults;
import io.tidemark.message.Provenance;
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

    private static final Calibration CALIBRATION =
            new Calibration("a", 64, 4, 2, "balanced", List.of(-4.0, -3.0, -1.5, -2.0, -2.5), 4, 1.25);

    private final StringWriter out = new StringWriter();

    @Test
    @DisplayName("The JSON output is one object with the documented fields")
    void json() throws Exception {
        Reply reply = new Reply("id-1", "a", 1, 4, 4, "text", 3, 0.24, 12.5);
        new DemoView.Json(new PrintWriter(out), new PrintWriter(new StringWriter()))
                .finished(new DemoReport(List.of(reply), List.of(CALIBRATION), "h:1", List.of("t")));
        JsonNode expected = new ObjectMapper().readTree("""
                {"requests": [{"id": "id-1", "adapter": "a", "round": 1, "boundary": 4, "num_layers": 4, "text": "text",
                  "completion_tokens": 3, "seconds": 0.24, "tokens_per_second": 12.5}],
                 "calibrations": [{"adapter": "a", "samples": 64, "boundary_before": 4, "boundary_after": 2, "objective": "balanced",
                  "curve": [-4.0, -3.0, -1.5, -2.0, -2.5], "num_layers": 4, "seconds": 1.25}],
                 "broker": "h:1", "topics": ["t"]}""");
        assertThat(out.toString().lines()).hasSize(1);
        assertThat(new ObjectMapper().readTree(out.toString())).isEqualTo(expected);
    }

    @Test
    @DisplayName("The boundary curve spans its values, and the mark points at the chosen boundary")
    void curve() {
        List<String> lines =
                CharacterPlot.of(TerminalDemoView.plot(CALIBRATION)).lines().toList();
        assertThat(lines.stream()
                        .filter(line -> line.contains("●"))
                        .skip(1)
                        .findFirst()
                        .orElseThrow())
                .contains("-1.5");
        assertThat(lines.get(lines.size() - 4)).contains("-4.0", "●");
        String axis = lines.get(lines.size() - 2);
        String mark = lines.get(lines.size() - 1);
        assertThat(mark).contains("balanced 2");
        assertThat(mark.indexOf('^')).isEqualTo(axis.indexOf('2'));
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
