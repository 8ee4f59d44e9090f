package io.tidemark.request;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.quarkus.logging.json.runtime.JsonFormatter;
import io.tidemark.generation.Outcome.Failure;
import io.tidemark.message.CancellationMessage;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.UnknownField;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import org.jboss.logmanager.ExtLogRecord;
import org.jboss.logmanager.Logger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A request with unknown fields")
class IgnoredFieldsTest {

    private static final String BODY = """
            {"id": "r", "model": "%s", "prompt": "a secret", "max_token": 4, "x_mine": 1}""";

    @Test
    @DisplayName("Has their names in its result, whether it fails, is cancelled, is refused or is no valid request")
    void results() {
        try (RequestRunnerFixture fixture = new RequestRunnerFixture()) {
            fixture.deliver(1, 0, BODY.formatted("warm"));
            fixture.engine().listeners().get(0).onFinished(new Failure("r", "engine_error", "it broke"));
            fixture.deliver(2, 0, BODY.formatted("nope"));
            fixture.deliver(3, 0, BODY.formatted("warm").replace("}", ", \"top_p\": 7}"));
            fixture.deliver(4, 0, BODY.formatted("cold"));
            fixture.requests().cancel(CancellationMessage.ofId("r"), 1);
            assertThat(fixture.answers())
                    .extracting(Answer::outcome)
                    .containsExactly("engine_error", "unknown_adapter", "out_of_range", "cancelled");
            assertThat(fixture.answers())
                    .allSatisfy(answer ->
                            assertThat(answer.result().ignoredFields()).containsExactly("max_token"));
            assertThat(fixture.results()).contains("\"ignored_fields\":[\"max_token\"]");
            fixture.deliver(5, "nope");
            assertThat(fixture.answers().get(4).result().ignoredFields()).isEmpty();
        }
    }

    @Test
    @DisplayName("Is refused with an error that names the field and the nearest one, if there is one")
    void refusal() {
        Set<String> known = Set.of("max_tokens", "min_tokens", "model", "n");
        assertThat(RequestParser.refusal(new UnknownField("max_token", "max_token", known)))
                .isEqualTo(ErrorBody.invalidRequest(
                        "unknown_field", "max_token", "unknown field 'max_token'; did you mean 'max_tokens'?"));
        assertThat(RequestParser.refusal(new UnknownField("a.zzzzzz", "zzzzzz", known))
                        .message())
                .isEqualTo("unknown field 'a.zzzzzz'");
    }

    @Test
    @DisplayName("A JSON log record of a failed request has its id, tenant, adapter and boundary, and no prompt")
    void jsonLog() throws Exception {
        List<String> lines = new ArrayList<>();
        JsonFormatter formatter = new JsonFormatter();
        Handler capture = new Handler() {
            @Override
            public void publish(LogRecord line) {
                lines.add(formatter.format(ExtLogRecord.wrap(line)));
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        Logger logger = Logger.getLogger(RequestRun.class.getName());
        logger.addHandler(capture);
        try (RequestRunnerFixture fixture = new RequestRunnerFixture()) {
            fixture.deliver(1, 0, BODY.formatted("warm"));
            fixture.engine().listeners().get(0).onFinished(new Failure("r", "engine_error", "it broke"));
            fixture.deliver(2, 0, "{");
        } finally {
            logger.removeHandler(capture);
        }
        assertThat(lines).hasSize(2).noneMatch(line -> line.contains("secret"));
        JsonNode failed = new ObjectMapper().readTree(lines.get(0));
        assertThat(failed.path("message").asText()).isEqualTo("request 'r' failed: engine_error (no field)");
        assertThat(failed.path("mdc")).isEqualTo(new ObjectMapper().readTree("""
                        {"id": "r", "tenant": "requests", "adapter": "warm", "boundary": "6"}"""));
        // nothing is left from the record before
        assertThat(new ObjectMapper().readTree(lines.get(1)).path("mdc").has("adapter"))
                .isFalse();
    }
}
