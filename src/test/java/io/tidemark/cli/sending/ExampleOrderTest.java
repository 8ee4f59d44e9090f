package io.tidemark.cli.sending;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.model.DataFile;
import io.tidemark.cli.model.DataFile.ExampleLine;
import io.tidemark.cli.sending.ExampleOrder.LinedBatch;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The order of examples")
class ExampleOrderTest {

    @TempDir
    private Path folder;

    private DataFile file(String content) throws Exception {
        return new DataFile(Files.writeString(folder.resolve("examples.jsonl"), content));
    }

    /** A line of each number, with a group if the name is not empty. */
    private static String lines(String... groups) {
        return IntStream.rangeClosed(1, groups.length)
                .mapToObj(i -> "{\"prompt\": \"é" + i + "\", \"completion\": \"x\""
                        + (groups[i - 1].isEmpty() ? "" : ", \"group\": \"" + groups[i - 1] + "\"") + "}\n")
                .collect(Collectors.joining());
    }

    private static List<LinedBatch> batches(DataFile file, OptionalLong seed, long count, int size) {
        List<LinedBatch> batches = new ArrayList<>();
        try (DataFile.LineReader lines = file.open()) {
            ExampleOrder.of(file.exampleLines(), seed, count)
                    .batches("a", size, lines)
                    .forEachRemaining(batches::add);
        }
        return batches;
    }

    private static List<Integer> numbers(List<LinedBatch> batches) {
        return batches.stream().flatMap(batch -> batch.lines().stream()).toList();
    }

    @Test
    @DisplayName("is another one with another seed, has each line once, and finds the line's text")
    void shuffles() throws Exception {
        String[] none = new String[200];
        Arrays.fill(none, "");
        DataFile file = file(lines(none));
        List<LinedBatch> batches = batches(file, OptionalLong.of(7), Long.MAX_VALUE, 16);
        List<Integer> order = numbers(batches);
        assertThat(order)
                .hasSize(200)
                .doesNotHaveDuplicates()
                .isNotEqualTo(order.stream().sorted().toList());
        assertThat(numbers(batches(file, OptionalLong.of(7), Long.MAX_VALUE, 3)))
                .isEqualTo(order);
        assertThat(numbers(batches(file, OptionalLong.of(8), Long.MAX_VALUE, 16)))
                .isNotEqualTo(order);
        assertThat(numbers(batches(file, OptionalLong.of(7), 50, 16))).isEqualTo(order.subList(0, 50));
        assertThat(batches).hasSize(13);
        for (LinedBatch batch : batches) {
            for (int i = 0; i < batch.lines().size(); i++) {
                assertThat(batch.batch().examples().get(i).path("prompt").asText())
                        .isEqualTo("é" + batch.lines().get(i));
            }
        }
        assertThat(batches).extracting(batch -> batch.batch().batchId()).doesNotHaveDuplicates();
    }

    @Test
    @DisplayName("is that of the file without a seed, over blank lines, CRLF, and a last line without an end")
    void orderOfTheFile() throws Exception {
        DataFile file =
                file("\n" + lines("", "").replace("\n", "\r\n") + "  \n{\"prompt\":\"é5\",\"completion\":\"x\"}");
        List<LinedBatch> batches = batches(file, OptionalLong.empty(), Long.MAX_VALUE, 2);
        assertThat(batches).extracting(LinedBatch::lines).containsExactly(List.of(2, 3), List.of(5));
        assertThat(batches.get(1).batch().examples().get(0).path("prompt").asText())
                .isEqualTo("é5");
        assertThatThrownBy(() ->
                        file("{\"prompt\":\"a\",\"completion\":\"b\"}\n\n{}").exampleLines())
                .isInstanceOf(CommandException.class)
                .hasMessageContaining("examples.jsonl:3: one of 'prompt' and 'messages' is required");
    }

    @Test
    @DisplayName("keeps a group together in one batch, which is larger than the others only for a larger group")
    void groups() throws Exception {
        DataFile file = file(lines("g", "", "h", "g", "", "h", "h", "h", "h", "g"));
        assertThat(batches(file, OptionalLong.empty(), Long.MAX_VALUE, 4))
                .extracting(LinedBatch::lines)
                .containsExactly(List.of(1, 4, 10, 2), List.of(3, 6, 7, 8, 9), List.of(5));
        for (long seed = 0; seed < 20; seed++) {
            assertThat(batches(file, OptionalLong.of(seed), Long.MAX_VALUE, 4))
                    .filteredOn(batch -> batch.lines().contains(1))
                    .hasSize(1)
                    .allMatch(batch -> batch.lines().containsAll(List.of(1, 4, 10)));
        }
        List<ExampleLine> lines = file.exampleLines();
        assertThat(ExampleOrder.of(lines, OptionalLong.empty(), 5).examples()).isEqualTo(4);
        assertThat(ExampleOrder.of(lines, OptionalLong.empty(), 9).units()).hasSize(3);
    }
}
