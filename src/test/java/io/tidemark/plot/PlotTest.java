package io.tidemark.plot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.plot.Plot.Mark;
import io.tidemark.plot.Plot.Series;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;

@DisplayName("Line plot")
class PlotTest {

    private static final Plot PLOT = new Plot(
            "gold & <probability>",
            "layers",
            "probability",
            List.of(new Series("with LoRA", List.of(0.0, 0.1, 0.4)), new Series("without", List.of(0.0, 0.2, 0.2))),
            List.of(new Mark(2, "suggested")));

    @Test
    @DisplayName(
            "The SVG is well-formed and has every line, with points from left to right and higher values above lower ones")
    void svg() throws Exception {
        Document svg = DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new ByteArrayInputStream(SvgPlot.of(PLOT).getBytes(StandardCharsets.UTF_8)));
        assertThat(svg.getElementsByTagName("title").item(0).getTextContent()).isEqualTo("gold & <probability>");
        assertThat(svg.getElementsByTagName("polyline").getLength()).isEqualTo(2);
        String[] points = svg.getElementsByTagName("polyline")
                .item(0)
                .getAttributes()
                .getNamedItem("points")
                .getTextContent()
                .split("[ ,]");
        assertThat(points).hasSize(6);
        assertThat(Double.parseDouble(points[0])).isLessThan(Double.parseDouble(points[2]));
        assertThat(Double.parseDouble(points[1])).isGreaterThan(Double.parseDouble(points[3]));
        assertThat(Double.parseDouble(points[3])).isGreaterThan(Double.parseDouble(points[5]));
        assertThat(svg.getDocumentElement().getTextContent()).contains("with LoRA", "without", "suggested", "layers");
    }

    @Test
    @DisplayName("The character plot fits 80 columns and shows both symbols, the axis and the mark")
    void characters() {
        String drawn = CharacterPlot.of(PLOT);
        assertThat(drawn.lines()).allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(80));
        assertThat(drawn).contains("● with LoRA", "○ without", "^ suggested", "0.4", "└──");
        String top =
                drawn.lines().filter(line -> line.startsWith("0.4")).findFirst().orElseThrow();
        assertThat(top.strip()).endsWith("●");
    }

    @Test
    @DisplayName("The vertical axis begins and ends at round numbers, also if all values are equal")
    void scale() {
        assertThat(Scale.over(-2.637, -1.321).ticks()).containsExactly(-3.0, -2.5, -2.0, -1.5, -1.0);
        assertThat(Scale.over(0.013, 0.549).label(0.5)).isEqualTo("0.5");
        assertThat(Scale.over(3, 3).ticks()).hasSizeGreaterThan(1);
    }

    @Test
    @DisplayName("Series of different lengths and values that are not finite are rejected")
    void refusesOthers() {
        assertThatThrownBy(() -> new Series("x", List.of(1.0, Double.NaN))).hasMessageContaining("'x'");
        Series two = new Series("two", List.of(1.0, 2.0));
        Series three = new Series("three", List.of(1.0, 2.0, 3.0));
        assertThatThrownBy(() -> new Plot("t", "a", "u", List.of(two, three), List.of()))
                .hasMessageContaining("one length");
    }

    @Test
    @DisplayName(
            "A character plot of intervals has a symbol at each value and a line over its interval, and only there")
    void intervals() {
        IntervalPlot plot = new IntervalPlot(
                "differences",
                "boundary",
                List.of(
                        new IntervalPlot.IntervalPoint(0, -1, 0.5, false),
                        new IntervalPlot.IntervalPoint(4, 0.5, 0.1, true),
                        new IntervalPlot.IntervalPoint(16, 0, 0, true)),
                "certified",
                "not certified",
                List.of(new Mark(4, "in force")));
        List<String> lines = CharacterPlot.of(plot).lines().toList();
        assertThat(lines).allMatch(line -> line.length() <= 80);
        assertThat(lines.get(1)).contains("● certified", "○ not certified");
        assertThat(column(lines, 0)).matches(" *┃+○┃+ *");
        assertThat(column(lines, 4)).matches(" *●┃* *").contains("●");
        assertThat(column(lines, 8)).isBlank();
        assertThat(column(lines, 16)).matches(" *● *");
        assertThat(lines.get(lines.size() - 1)).endsWith("^ in force");
        assertThatThrownBy(() -> new IntervalPlot.IntervalPoint(0, 0, Double.POSITIVE_INFINITY, true))
                .hasMessageContaining("finite interval");
        assertThatThrownBy(() -> new IntervalPlot("t", "x", List.of(), "a", "b", List.of()))
                .hasMessageContaining("a plot needs a point");
    }

    /** What is drawn at an integer of the horizontal axis, from top to bottom. */
    private static String column(List<String> lines, int at) {
        int from = lines.get(2).indexOf('│') + 1 + at * 3;
        StringBuilder column = new StringBuilder();
        lines.subList(2, 15).forEach(line -> column.append(from < line.length() ? line.charAt(from) : ' '));
        return column.toString();
    }
}
