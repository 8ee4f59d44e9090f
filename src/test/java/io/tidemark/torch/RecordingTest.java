package io.tidemark.torch;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("Recording")
class RecordingTest {

    @TempDir
    private Path folder;

    @Test
    @DisplayName(
            "A recording has the archive, each value in order of creation, each call, and the values that Java read")
    void isComplete() throws IOException {
        try (Torch torch = Torch.recording(new TorchOptions("cpu", 1), folder);
                Script script = torch.script(new ScriptSource("Trial", "/torchscript/trial.torchscript"));
                Value tensor = torch.floats(1, 2);
                Value list = torch.list(List.of(tensor, tensor))) {
            List<Value> members = list.toList();
            assertThat(members.get(1).toFloats()).containsExactly(1, 2);
            members.forEach(Value::close);
        }
        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(folder.resolve("calls.jsonl"))) {
            lines.add(new ObjectMapper().readTree(line));
        }
        assertThat(folder.resolve(lines.get(0).path("file").asText())).isNotEmptyFile();
        JsonNode made = lines.get(1);
        assertThat(made.path("make").asText()).isEqualTo("float32");
        assertThat(lines.get(2).path("list"))
                .extracting(JsonNode::asInt)
                .containsExactly(made.path("id").asInt(), made.path("id").asInt());
        assertThat(lines.get(3).path("members").asInt())
                .isEqualTo(lines.get(2).path("id").asInt());
        assertThat(lines.get(4).path("read").asInt())
                .isEqualTo(lines.get(3).path("ids").get(1).asInt());
        ByteBuffer data =
                ByteBuffer.wrap(Files.readAllBytes(folder.resolve("data.bin"))).order(ByteOrder.LITTLE_ENDIAN);
        assertThat(data.getFloat(made.path("at").asInt() + Float.BYTES)).isEqualTo(2);
        assertThat(data.getFloat(lines.get(4).path("at").asInt())).isEqualTo(1);
        assertThat(lines.subList(5, lines.size()))
                .allMatch(line -> line.has("drop"))
                .hasSize(4);
    }
}
