package io.tidemark.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.torch.Torch;
import io.tidemark.torch.TorchOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.IntStream;

/** A model with the adapter 'all', and PEFT's reference log-likelihoods of a few examples. */
final class CalibratedModel implements AutoCloseable {

    private static final Path FOLDER = Path.of(BrokerResource.MODEL);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Torch torch = Torch.open(new TorchOptions("cpu", 1));
    private final LanguageModel model = LanguageModel.load(FOLDER, "llama-gqa", torch, FixtureModel.FP32);
    private final AdapterStore adapters = new AdapterStore(model);
    private final JsonNode reference;

    CalibratedModel() throws IOException {
        adapters.load("all", FOLDER.resolve("adapters/all"));
        reference = JSON.readTree(FOLDER.resolve("adapters/all/expected.json").toFile());
    }

    LanguageModel model() {
        return model;
    }

    AdapterStore adapters() {
        return adapters;
    }

    /** The number of reference examples. */
    int examples() {
        return reference.path("pairs").size();
    }

    /** A validation batch with the reference examples {@code from .. to-1}. */
    String batch(String id, int from, int to) {
        ObjectNode batch = JSON.createObjectNode().put("batch_id", id).put("adapter", "all");
        ArrayNode examples = batch.putArray("examples");
        IntStream.range(from, to)
                .mapToObj(reference.path("pairs")::get)
                .forEach(pair -> examples.addObject()
                        .put("prompt", pair.path("prompt").asText())
                        .put("completion", pair.path("completion").asText()));
        return batch.toString();
    }

    /** Asserts that a decision has the curve of the reference. */
    void assertIsReference(JsonNode decision) {
        JsonNode expected = reference.path("mean_logprob_per_token_by_boundary");
        assertThat(decision.path("boundaries")).hasSize(expected.size());
        for (int b = 0; b < expected.size(); b++) {
            JsonNode row = decision.path("boundaries").get(b);
            assertThat(row.path("boundary").asInt()).isEqualTo(b);
            assertThat(row.path("mean").asDouble()).isCloseTo(expected.get(b).asDouble(), within(1e-4));
        }
    }

    @Override
    public void close() {
        adapters.close();
        model.close();
        torch.close();
    }
}
