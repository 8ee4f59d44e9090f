package io.tidemark.stream;

import static io.tidemark.stream.WorkerTopics.REQUESTS;
import static io.tidemark.stream.WorkerTopics.RESULTS;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@QuarkusTest
@QuarkusTestResource(BrokerResource.class)
@DisplayName("Fields of a request, sent through the broker,")
class RequestFieldsTest {

    /** Context length of {@code llama-gqa}. */
    private static final int CONTEXT = 512;

    @Inject
    TopicClient client;

    @Test
    @DisplayName(
            "Have effect: choices, seed, log-probabilities, logit bias, penalties, stop texts, tools and tool calls")
    void fieldsAreHonoured() {
        String asked = "\"prompt\": \"the river\", \"max_tokens\": 6, \"ignore_eos\": true, ";
        JsonNode choices = answer(
                "choices",
                asked + "\"n\": 3, \"temperature\": 1.5, \"seed\": -9223372036854775808, \"presence_penalty\": 2, "
                        + "\"frequency_penalty\": -2, \"repetition_penalty\": 1.5, \"min_p\": 0.001");
        assertThat(choices.path("choices"))
                .hasSize(3)
                .extracting(choice -> choice.path("text").asText())
                .doesNotHaveDuplicates();
        assertThat(choices.path("tidemark").path("seed").asLong()).isEqualTo(Long.MIN_VALUE);
        assertThat(choices.path("usage").path("completion_tokens").asInt()).isEqualTo(18);

        JsonNode content = answer("logprobs", asked + "\"logprobs\": true, \"top_logprobs\": 20")
                .at("/choices/0/logprobs/content");
        assertThat(content)
                .hasSize(6)
                .allSatisfy(token -> assertThat(token.path("top_logprobs")).hasSize(20));

        String biased = answer("bias", asked + "\"temperature\": 0, \"logit_bias\": {\"9\": 100}")
                .at("/choices/0/text")
                .asText();
        assertThat(biased.chars().distinct().count())
                .as("kinds of characters in '%s'", biased)
                .isEqualTo(1);

        String text = answer("greedy", asked + "\"temperature\": 0")
                .at("/choices/0/text")
                .asText();
        JsonNode stopped = answer("stop", asked + "\"temperature\": 0, \"stop\": [\"" + text.substring(1, 4) + "\"]")
                .at("/choices/0");
        assertThat(stopped.path("text").asText())
                .as("before '%s' in '%s'", text.substring(1, 4), text)
                .isEqualTo(text.substring(0, 1));
        assertThat(stopped.path("finish_reason").asText()).isEqualTo("stop");

        String call =
                "{\"role\": \"assistant\", \"tool_calls\": [{\"id\": \"c\", \"function\": {\"name\": \"f\", \"arguments\": \"{}\"}}]}";
        JsonNode called = answer(
                "tools",
                "\"messages\": [{\"role\": \"user\", \"content\": \"hello\"}, " + call
                        + ", {\"role\": \"tool\", \"content\": \"2\", \"tool_call_id\": \"c\"}], "
                        + "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\"}}], \"max_tokens\": 4");
        assertThat(called.at("/choices/0/message/role").asText()).isEqualTo("assistant");
    }

    @Test
    @DisplayName("May contain a prompt of one token less than the context length")
    void aPromptAtTheLimit() {
        JsonNode result =
                answer("at-the-limit", "\"prompt\": \"" + " the".repeat(CONTEXT - 1) + "\", \"max_tokens\": 1");
        assertThat(result.path("usage").path("prompt_tokens").asInt()).isEqualTo(CONTEXT - 1);
        assertThat(result.path("choices")).hasSize(1);
    }

    private JsonNode answer(String id, String fields) {
        client.send(REQUESTS, id, "{\"id\": \"" + id + "\", \"model\": \"all\", " + fields + "}");
        JsonNode result = client.await(RESULTS, id);
        assertThat(result.has("error")).as(result.toString()).isFalse();
        return result;
    }
}
