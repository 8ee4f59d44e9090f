package io.tidemark.verification;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.TensorFile;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Torch;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("verification against transformers and PEFT")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class VerificationTest {

    private Torch torch;

    @TempDir
    private Path temp;

    @BeforeAll
    void open() {
        torch = Torch.open(FixtureModel.OPTIONS);
    }

    @AfterAll
    void close() {
        torch.close();
    }

    @ParameterizedTest(name = "{0}: {1} adapters")
    @DisplayName("logits within 2e-4, the same greedy tokens, likelihoods and boundaries, at every boundary")
    @CsvSource({"llama-gqa, 11", "llama3-rope-tied, 2", "llama-biased-mha, 2"})
    void agrees(String family, int adapters) {
        Verdicts verdicts = walk(Folders.model(family));
        assertThat(verdicts.all()).hasSize(adapters).allSatisfy(verdict -> {
            assertThat(verdict).as(verdict.line()).isInstanceOf(Verdict.Compared.class);
            Agreement agreement = ((Verdict.Compared) verdict).agreement();
            assertThat(agreement.holds()).as(verdict.line()).isTrue();
            assertThat(agreement.logits().orElseThrow()).isLessThanOrEqualTo(2e-4);
            // five prompts at boundaries 0 .. 6
            assertThat(agreement.greedy()).isEqualTo(new Agreement.Count(35, 35));
        });
        assertThat(verdicts.pass(false)).isTrue();
    }

    @Test
    @DisplayName("folders that tools/reference.py makes agree: another seed, depth, head count and head size")
    void agreesWithAMadeFolder() {
        Verdicts verdicts = walk(Folders.model("llama-made"));
        assertThat(verdicts.all()).hasSize(4).allSatisfy(verdict -> {
            assertThat(verdict.line()).startsWith("ok");
            // five prompts at boundaries 0 .. 3
            assertThat(((Verdict.Compared) verdict).agreement().greedy()).isEqualTo(new Agreement.Count(20, 20));
        });
    }

    @ParameterizedTest(name = "{0}: {1} adapters, {2} boundaries")
    @DisplayName(
            "families with windows, in all layers or some, yarn, 16-bit weights, and parts that adapters have beside the layers agree")
    @CsvSource({
        "mistral-window, 1, 4",
        "qwen2-layer-types, 1, 5",
        "qwen3-window-yarn, 1, 5",
        "qwen3-norms, 2, 5",
        "qwen2-tied, 4, 5"
    })
    void agreesWithFamilies(String family, int adapters, int boundaries) {
        Verdicts verdicts = walk(Folders.model(family));
        assertThat(verdicts.all()).hasSize(adapters).allSatisfy(verdict -> {
            assertThat(verdict.line()).startsWith("ok");
            // three prompts, one of them longer than any window and than the context before the scaling
            assertThat(((Verdict.Compared) verdict).agreement().greedy())
                    .isEqualTo(new Agreement.Count(3 * boundaries, 3 * boundaries));
        });
    }

    @Test
    @DisplayName("one changed greedy token is seen")
    void seesAGreedyToken() {
        Verdict verdict = withReference(root -> {
            ArrayNode tokens = (ArrayNode) root.at("/prompts/1/greedy/3");
            tokens.set(
                    tokens.size() - 1,
                    IntNode.valueOf((tokens.get(tokens.size() - 1).intValue() + 1) % 400));
        });
        assertThat(verdict.line()).startsWith("OFF").contains("greedy 34/35");
    }

    @Test
    @DisplayName("a completion's likelihood that is off by 0.01 nats per token is seen")
    void seesALikelihood() {
        Verdict verdict = withReference(root -> {
            ArrayNode logprobs = (ArrayNode) root.at("/pairs/0/logprob_by_boundary");
            int tokens = root.at("/pairs/0/completion_ids").size();
            logprobs.set(2, logprobs.get(2).doubleValue() + 0.01 * tokens);
        });
        assertThat(verdict.line()).startsWith("OFF").contains("log-likelihood 1.0e-02");
    }

    @Test
    @DisplayName("a reference that lacks the likelihood at a boundary passes nothing")
    void seesMissingLikelihoods() {
        Verdict verdict = withReference(root -> ((ArrayNode) root.at("/pairs/0/logprob_by_boundary")).remove(0));
        assertThat(((Verdict.Compared) verdict).agreement().holds())
                .as(verdict.line())
                .isFalse();
    }

    @Test
    @DisplayName("another boundary of an objective is seen")
    void seesABoundary() {
        Verdict verdict = withReference(root ->
                root.put("latency_boundary", root.path("latency_boundary").intValue() + 1));
        assertThat(verdict.line()).startsWith("OFF").contains("boundaries 2/3");
    }

    @Test
    @DisplayName("another rendering of a conversation is seen")
    void seesAConversation() {
        Verdict verdict = withReference(root -> ((ObjectNode) root.at("/chat/0")).put("rendered", "<|im_start|>"));
        assertThat(verdict.line()).startsWith("OFF");
    }

    @Test
    @DisplayName("a logit that is off by 0.001 is seen")
    void seesALogit() {
        Path model = reference(root -> {});
        Path logits = model.resolve("adapters/qv/expected-logits.safetensors");
        float before = ByteBuffer.wrap(TensorFile.read(logits)
                        .tensors()
                        .get("prompt2.boundary4")
                        .bytes())
                .order(ByteOrder.LITTLE_ENDIAN)
                .getFloat(17 * Float.BYTES);
        TensorFile.read(logits)
                .withValue("prompt2.boundary4", 17, before + 1e-3f)
                .write(logits);
        assertThat(onlyVerdict(model).line()).startsWith("OFF");
    }

    @Test
    @DisplayName("an adapter that is broken or not supported fails, and the second passes only when it is allowed")
    void tellsBrokenFromUnsupported() throws Exception {
        Path model = reference(root -> {});
        Folders.copyOfAdapter("llama-gqa", "all", model.resolve("adapters"));
        Folders.edit(model.resolve("adapters/all/adapter_config.json"), root -> root.put("use_qalora", true));
        Verdicts unsupported = walk(model);
        assertThat(unsupported.all())
                .anySatisfy(
                        verdict -> assertThat(verdict.line()).startsWith("skip").contains("use_qalora"));
        assertThat(unsupported.pass(false)).isFalse();
        assertThat(unsupported.pass(true)).isTrue();

        Files.delete(model.resolve("adapters/all/adapter_model.safetensors"));
        Folders.edit(model.resolve("adapters/all/adapter_config.json"), root -> root.put("use_qalora", false));
        Verdicts broken = walk(model);
        assertThat(broken.all())
                .anySatisfy(verdict ->
                        assertThat(verdict.line()).startsWith("BROKEN").contains("adapter_model.safetensors"));
        assertThat(broken.pass(true)).isFalse();
    }

    @Test
    @DisplayName("a folder in which nothing is compared passes nothing, whatever is allowed")
    void passesNothingByDefault() {
        assertThat(walk(temp).pass(true)).isFalse();
        Path model = reference(root -> {});
        Folders.edit(model.resolve("config.json"), root -> root.put("model_type", "mamba"));
        Verdicts unsupported = walk(model);
        assertThat(unsupported.unsupported()).isEqualTo(1);
        assertThat(unsupported.pass(true)).isFalse();
    }

    private Verdict withReference(Consumer<ObjectNode> change) {
        return onlyVerdict(reference(change));
    }

    private Verdict onlyVerdict(Path model) {
        Verdicts verdicts = walk(model);
        assertThat(verdicts.all()).hasSize(1);
        assertThat(verdicts.pass(true)).isFalse();
        return verdicts.all().get(0);
    }

    /** A copy of the model with one adapter whose reference is changed. */
    private Path reference(Consumer<ObjectNode> change) {
        Path model = Folders.copyOfModel("llama-gqa", temp.resolve("copy-" + System.nanoTime()));
        Folders.edit(
                Folders.copyOfAdapter("llama-gqa", "qv", model.resolve("adapters"))
                        .resolve("expected.json"),
                change);
        return model;
    }

    private Verdicts walk(Path folder) {
        List<Verdict> heard = new ArrayList<>();
        Verdicts verdicts = new Verification(torch, ModelOptions.DEFAULT, heard::add).walk(List.of(folder));
        assertThat(heard).isEqualTo(verdicts.all());
        return verdicts;
    }
}
