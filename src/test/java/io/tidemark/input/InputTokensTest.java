package io.tidemark.input;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.cli.model.DataFile;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.request.AdmittedPrompt;
import io.tidemark.stream.calibrator.ScoredExamples;
import io.tidemark.torch.Torch;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The model has a tokenizer that begins a text with a special token, and a chat template that writes every field of
 * messages and tools. {@code tools/input_tokens.py} writes the token ids of transformers.
 */
@DisplayName("The tokens of inputs")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class InputTokensTest {

    private static final String FAMILY = "qwen3-norms";
    private static final Path RESOURCES = Path.of("src/test/resources");
    private static final Path EXAMPLES = RESOURCES.resolve("input/examples.jsonl");
    private static final ObjectMapper JSON = new ObjectMapper();

    private Torch torch;
    private LanguageModel model;
    private AdapterStore adapters;

    /** @param line the example in JSON, as a line of a data file */
    record Example(String name, int index, ObjectNode line, TokenizedExample reference) {

        @Override
        public String toString() {
            return name;
        }
    }

    @BeforeAll
    void load(@TempDir Path temp) throws Exception {
        Path folder = Folders.copyOfModel(FAMILY, temp);
        for (Path file : List.of(
                RESOURCES.resolve("tokenizers/sentencepiece-unigram/tokenizer.json"),
                RESOURCES.resolve("tokenizers/sentencepiece-unigram/tokenizer_config.json"),
                RESOURCES.resolve("input/chat_template.jinja"))) {
            Files.copy(file, folder.resolve(file.getFileName()), StandardCopyOption.REPLACE_EXISTING);
        }
        torch = Torch.open(FixtureModel.OPTIONS);
        model = LanguageModel.load(folder, FAMILY, torch, FixtureModel.FP32);
        adapters = new AdapterStore(model);
        adapters.register("norms", Folders.adapter(FAMILY, "norms"));
    }

    @AfterAll
    void close() {
        adapters.close();
        model.close();
        torch.close();
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("Are those of transformers in a worker, in a calibrator and in the commands")
    @MethodSource("examples")
    void agreeWithTransformers(Example example) throws Exception {
        byte[] request = bytes(example.line().deepCopy().put("model", "norms"));
        ObjectNode batch = JSON.createObjectNode().put("batch_id", "b").put("adapter", "norms");
        batch.putArray("examples").add(example.line());

        assertThat(AdmittedPrompt.of(model, adapters, request))
                .as("the worker's prompt")
                .isEqualTo(example.reference().prompt());
        assertThat(ScoredExamples.of(model, adapters, bytes(batch)))
                .as("the calibrator's example")
                .containsExactly(example.reference());
        assertThat(new DataFile(EXAMPLES).tokenized(model, 1, Integer.MAX_VALUE).get(example.index()))
                .as("the commands' example")
                .isEqualTo(example.reference());
    }

    @Test
    @DisplayName("Are compared for each line of the examples")
    void referenceIsComplete() throws Exception {
        assertThat(examples()).hasSize(new DataFile(EXAMPLES).objects().size());
    }

    private static List<Example> examples() throws Exception {
        List<ObjectNode> lines = new DataFile(EXAMPLES).objects();
        JsonNode references =
                JSON.readTree(RESOURCES.resolve("input/tokens.json").toFile()).get("examples");
        return IntStream.range(0, references.size())
                .mapToObj(i -> new Example(
                        references.get(i).get("name").textValue(),
                        i,
                        lines.get(i),
                        new TokenizedExample(
                                ids(references.get(i).get("prompt")),
                                ids(references.get(i).get("completion")))))
                .toList();
    }

    private static byte[] bytes(JsonNode node) {
        return node.toString().getBytes(UTF_8);
    }

    private static List<Integer> ids(JsonNode array) {
        return StreamSupport.stream(array.spliterator(), false)
                .map(JsonNode::intValue)
                .toList();
    }
}
