package io.tidemark.verification;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.fixture.TensorFile;
import io.tidemark.model.ComputeType;
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

@DisplayName("Verification against transformers and PEFT")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class VerificationTest {

    private static final String GRAPH_OPTIMIZER = "ai.djl.pytorch.graph_optimizer";

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
    @DisplayName(
            "Logits agree within 2e-4, and greedy tokens, likelihoods and chosen boundaries agree, at every boundary")
    @CsvSource({"llama-gqa, 11", "llama3-rope-tied, 2", "llama-biased-mha, 2"})
    void agrees(String family, int adapters) {
        VerificationReport report = walkOptimized(Folders.model(family));
        assertThat(report.verdicts()).hasSize(adapters).allSatisfy(verdict -> {
            assertThat(verdict).as(verdict.line()).isInstanceOf(Verdict.Compared.class);
            Agreement agreement = ((Verdict.Compared) verdict).agreement();
            assertThat(agreement.holds()).as(verdict.line()).isTrue();
            assertThat(agreement.logits().orElseThrow()).isLessThanOrEqualTo(2e-4);
            // five prompts at boundaries 0 .. 6
            assertThat(agreement.greedy()).isEqualTo(new Agreement.Count(35, 35));
        });
        assertThat(report.pass(false)).isTrue();
    }

    @Test
    @DisplayName("A folder made by tools/reference.py with another seed, depth, head count and head size agrees")
    void agreesWithAMadeFolder() {
        VerificationReport report = walkOptimized(Folders.model("llama-made"));
        assertThat(report.verdicts()).hasSize(4).allSatisfy(verdict -> {
            assertThat(verdict.line()).startsWith("ok");
            // five prompts at boundaries 0 .. 3
            assertThat(((Verdict.Compared) verdict).agreement().greedy()).isEqualTo(new Agreement.Count(20, 20));
        });
    }

    @ParameterizedTest(name = "{0}: {1} adapters, {2} boundaries")
    @DisplayName("Sliding windows, YaRN, 16-bit weights and adapter weights outside the layers agree")
    @CsvSource({
        "mistral-window, 1, 4",
        "qwen2-layer-types, 1, 5",
        "qwen3-window-yarn, 1, 5",
        "qwen3-norms, 2, 5",
        "qwen2-tied, 4, 5"
    })
    void agreesWithFamilies(String family, int adapters, int boundaries) {
        VerificationReport report = walkOptimized(Folders.model(family));
        assertThat(report.verdicts()).hasSize(adapters).allSatisfy(verdict -> {
            assertThat(verdict.line()).startsWith("ok");
            // three prompts, one of them longer than any window and than the context before the scaling
            assertThat(((Verdict.Compared) verdict).agreement().greedy())
                    .isEqualTo(new Agreement.Count(3 * boundaries, 3 * boundaries));
        });
    }

    @Test
    @DisplayName("One changed greedy token fails the verification")
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
    @DisplayName("A log-likelihood that is off by 0.01 nats per token fails the verification")
    void seesALikelihood() {
        Verdict verdict = withReference(root -> {
            ArrayNode logprobs = (ArrayNode) root.at("/pairs/0/logprob_by_boundary");
            int tokens = root.at("/pairs/0/completion_ids").size();
            logprobs.set(2, logprobs.get(2).doubleValue() + 0.01 * tokens);
        });
        assertThat(verdict.line()).startsWith("OFF").contains("log-likelihood 1.0e-02");
    }

    @Test
    @DisplayName("A reference without the likelihood at one boundary fails the verification")
    void seesMissingLikelihoods() {
        Verdict verdict = withReference(root -> ((ArrayNode) root.at("/pairs/0/logprob_by_boundary")).remove(0));
        assertThat(((Verdict.Compared) verdict).agreement().holds())
                .as(verdict.line())
                .isFalse();
    }

    @Test
    @DisplayName("A different chosen boundary fails the verification")
    void seesABoundary() {
        Verdict verdict = withReference(root ->
                root.put("latency_boundary", root.path("latency_boundary").intValue() + 1));
        assertThat(verdict.line()).startsWith("OFF").contains("boundaries 2/3");
    }

    @Test
    @DisplayName("A different rendering of a conversation fails the verification")
    void seesAConversation() {
        Verdict verdict = withReference(root -> ((ObjectNode) root.at("/chat/0")).put("rendered", "<|im_start|>"));
        assertThat(verdict.line()).startsWith("OFF");
    }

    @Test
    @DisplayName("With another type than fp32, a rounding error passes and is printed, and a different rendering fails")
    void roundedTypes() {
        Path model = reference(root -> {});
        Verification bf16 = new Verification(torch, new ModelOptions(ComputeType.BF16), verdict -> {});
        VerificationReport report = bf16.walk(List.of(model));
        Verdict.Compared rounded = (Verdict.Compared) report.verdicts().get(0);
        assertThat(rounded.agreement().holds()).isFalse();
        assertThat(rounded.line()).startsWith("bf16  logits ");
        assertThat(report.pass(false)).isTrue();
        Path changed = reference(root -> ((ObjectNode) root.at("/chat/0")).put("rendered", "<|im_start|>"));
        VerificationReport off = bf16.walk(List.of(changed));
        assertThat(off.verdicts().get(0).line()).startsWith("OFF");
        assertThat(off.pass(false)).isFalse();
    }

    @Test
    @DisplayName("A logit that is off by 0.001 fails the verification")
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
    @DisplayName("A broken adapter fails; an unsupported adapter passes only with allowUnsupported")
    void tellsBrokenFromUnsupported() throws Exception {
        Path model = reference(root -> {});
        Folders.copyOfAdapter("llama-gqa", "all", model.resolve("adapters"));
        Folders.edit(model.resolve("adapters/all/adapter_config.json"), root -> root.put("use_qalora", true));
        VerificationReport unsupported = walk(model);
        assertThat(unsupported.verdicts())
                .anySatisfy(
                        verdict -> assertThat(verdict.line()).startsWith("skip").contains("use_qalora"));
        assertThat(unsupported.pass(false)).isFalse();
        assertThat(unsupported.pass(true)).isTrue();

        Files.delete(model.resolve("adapters/all/adapter_model.safetensors"));
        Folders.edit(model.resolve("adapters/all/adapter_config.json"), root -> root.put("use_qalora", false));
        VerificationReport broken = walk(model);
        assertThat(broken.verdicts())
                .anySatisfy(verdict ->
                        assertThat(verdict.line()).startsWith("BROKEN").contains("adapter_model.safetensors"));
        assertThat(broken.pass(true)).isFalse();
    }

    @Test
    @DisplayName("A folder in which nothing is compared fails, also with allowUnsupported")
    void passesNothingByDefault() {
        assertThat(walk(temp).pass(true)).isFalse();
        Path model = reference(root -> {});
        Folders.edit(model.resolve("config.json"), root -> root.put("model_type", "mamba"));
        VerificationReport unsupported = walk(model);
        assertThat(unsupported.unsupported()).isEqualTo(1);
        assertThat(unsupported.pass(true)).isFalse();
    }

    private Verdict withReference(Consumer<ObjectNode> change) {
        return onlyVerdict(reference(change));
    }

    private Verdict onlyVerdict(Path model) {
        VerificationReport report = walk(model);
        assertThat(report.verdicts()).hasSize(1);
        assertThat(report.pass(true)).isFalse();
        return report.verdicts().get(0);
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

    /** With the scripts' graphs optimized, as in the packaged application and unlike in the other unit tests. */
    private VerificationReport walkOptimized(Path folder) {
        String configured = System.setProperty(GRAPH_OPTIMIZER, "true");
        try (Torch optimized = Torch.open(FixtureModel.OPTIONS)) {
            return new Verification(optimized, FixtureModel.FP32, verdict -> {}).walk(List.of(folder));
        } finally {
            if (configured == null) {
                System.clearProperty(GRAPH_OPTIMIZER);
            } else {
                System.setProperty(GRAPH_OPTIMIZER, configured);
            }
        }
    }

    private VerificationReport walk(Path folder) {
        List<Verdict> received = new ArrayList<>();
        VerificationReport report = new Verification(torch, FixtureModel.FP32, received::add).walk(List.of(folder));
        assertThat(received).isEqualTo(report.verdicts());
        return report;
    }
}
