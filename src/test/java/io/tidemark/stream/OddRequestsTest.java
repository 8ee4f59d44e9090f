package io.tidemark.stream;

import static io.tidemark.stream.WorkerTopics.DEAD_LETTERS;
import static io.tidemark.stream.WorkerTopics.REQUESTS;
import static io.tidemark.stream.WorkerTopics.RESULTS;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@QuarkusTest
@QuarkusTestResource(BrokerResource.class)
@DisplayName("Requests with unusual fields, sent through the broker,")
class OddRequestsTest {

    private static final int PARTITIONS = 4;

    /** Context length of {@code llama-gqa}. */
    private static final int CONTEXT = 512;

    private static final String USER = "\"messages\": [{\"role\": \"user\", \"content\": \"hello\"}";

    @Inject
    TopicClient client;

    /** Fields of an invalid request, and the expected error. */
    private record Odd(String fields, String code, String param) {}

    private static List<Odd> odd() {
        Stream<Odd> written = """
                "prompt": "x", "n": 1000 | out_of_range | n
                "prompt": "x", "n": 16 | out_of_range | n
                "prompt": "x", "n": "2" | invalid_type | n
                "prompt": "x", "temperature": NaN | out_of_range | temperature
                "prompt": "x", "temperature": -Infinity | out_of_range | temperature
                "prompt": "x", "logit_bias": {"5": NaN} | out_of_range | logit_bias.5
                "prompt": "x", "logit_bias": {"999999": 1} | out_of_range | logit_bias
                "prompt": "x", "logprobs": 21 | out_of_range | logprobs
                "prompt": "x", "min_p": 2 | out_of_range | min_p
                "prompt": "x", "presence_penalty": 3 | out_of_range | presence_penalty
                "prompt": "x", "repetition_penalty": 0 | out_of_range | repetition_penalty
                "prompt": "x", "seed": 9223372036854775808 | out_of_range | seed
                "prompt": "x", "stop_token_ids": [999999] | out_of_range | stop_token_ids
                "prompt": "x", "max_tokens": 512 | context_length_exceeded | max_tokens
                "messages": [] | invalid_value | messages
                "prompt": "x", "tools": [{}] | conflicting_fields | tools
                USER, {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{oops"}}]}] | invalid_value | messages[1].tool_calls[0].function.arguments
                """.lines()
                .map(line -> line.split(" \\| "))
                .map(part -> new Odd(part[0].replace("USER", USER), part[1], part[2]));
        return Stream.concat(
                        written,
                        Stream.of(
                                new Odd(
                                        "\"prompt\": \"x\", \"logit_bias\": "
                                                + tokens(20_000).collect(Collectors.joining(",", "{", "}")),
                                        "out_of_range",
                                        "logit_bias"),
                                new Odd(
                                        "\"prompt\": \"x\", \"stop\": "
                                                + IntStream.range(0, 10_000)
                                                        .mapToObj(i -> "\"stop " + i + "\"")
                                                        .collect(Collectors.joining(",", "[", "]")),
                                        "out_of_range",
                                        "stop"),
                                new Odd(
                                        "\"prompt\": \"" + " the".repeat(CONTEXT) + "\", \"max_tokens\": 1",
                                        "context_length_exceeded",
                                        "prompt"),
                                new Odd(
                                        "\"prompt\": \"x\", \"user\": " + "[".repeat(5000) + "]".repeat(5000),
                                        "invalid_json",
                                        "")))
                .toList();
    }

    private static Stream<String> tokens(int count) {
        return IntStream.range(0, count).mapToObj(i -> "\"" + i + "\": 0.5");
    }

    @Test
    @DisplayName(
            "Are answered with one error that names the field and one dead letter each, and valid requests between them are answered")
    void eachGetsItsError() {
        List<Odd> odd = odd();
        List<String> places = new ArrayList<>();
        for (int i = 0; i < odd.size(); i++) {
            int partition = i % PARTITIONS;
            // without an id, because the parser cannot read the id of all of them
            places.add(REQUESTS + "-" + partition + "-"
                    + send(partition, "{\"model\": \"all\", " + odd.get(i).fields() + "}"));
            send(
                    partition,
                    "{\"id\": \"beside-" + i
                            + "\", \"model\": \"qv\", \"prompt\": \"x\", \"max_tokens\": 3, \"ignore_eos\": true}");
        }
        for (int i = 0; i < odd.size(); i++) {
            JsonNode error = client.await(RESULTS, places.get(i)).path("error");
            assertThat(error.path("code").asText())
                    .as(error.toString())
                    .isEqualTo(odd.get(i).code());
            assertThat(error.path("param").asText())
                    .as(error.toString())
                    .isEqualTo(odd.get(i).param());
            assertThat(client.await(RESULTS, "beside-" + i)
                            .path("usage")
                            .path("completion_tokens")
                            .asInt())
                    .isEqualTo(3);
        }
        places.forEach(place -> {
            assertThat(client.values(RESULTS, place)).hasSize(1);
            Awaitility.await("the letter of " + place).until(() -> letters(place) == 1);
        });
    }

    private long letters(String place) {
        return client.records(DEAD_LETTERS).stream()
                .filter(letter -> place.equals(String.join(
                        "-",
                        Stream.of("topic", "partition", "offset")
                                .map(name -> TopicClient.text(letter.headers()
                                        .lastHeader("tidemark.source." + name)
                                        .value()))
                                .toList())))
                .count();
    }

    private long send(int partition, String value) {
        return client.send(
                        new ProducerRecord<>(REQUESTS, partition, TopicClient.bytes("odd"), TopicClient.bytes(value)))
                .offset();
    }
}
