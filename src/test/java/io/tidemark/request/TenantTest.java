package io.tidemark.request;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.tidemark.input.RejectedException;
import io.tidemark.message.Parsed;
import io.tidemark.message.RequestMessage;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("The limits of a tenant")
class TenantTest {

    private static final Tenant TEAM =
            new Tenant("team-a", new Tenant.RequestLimits(2, 300, 3, -1, 10, Optional.empty()));

    @ParameterizedTest(name = "{1}")
    @CsvSource(
            delimiter = ';',
            value = {
                "n; \"n\":3; 'n' is 3 and must be at most 2 for requests of tenant 'team-a'",
                "max_tokens; \"max_tokens\":301; 'max_tokens' is 301 and must be at most 300 for requests of tenant 'team-a'",
                "logprobs; \"logprobs\":4; 'logprobs' is 4 and must be at most 3 for requests of tenant 'team-a'",
                "priority; \"priority\":-2; 'priority' is -2 and must be at least -1 for requests of tenant 'team-a'",
                "priority; \"priority\":11; 'priority' is 11 and must be at most 10 for requests of tenant 'team-a'"
            },
            quoteCharacter = '`')
    @DisplayName("Reject a request that exceeds one, with an error that names field, limit and tenant")
    void exceeded(String field, String json, String message) throws Exception {
        RejectedException rejected = catchThrowableOfType(RejectedException.class, () -> TEAM.check(request(json)));
        assertThat(rejected.error().code()).isEqualTo("tenant_limit_exceeded");
        assertThat(rejected.error().param()).isEqualTo(Optional.of(field));
        assertThat(rejected.error().message()).isEqualTo(message);
    }

    @Test
    @DisplayName("Accept the extreme values")
    void extremes() {
        assertThatCode(() -> {
                    TEAM.check(request("\"n\":2,\"max_tokens\":300,\"logprobs\":3,\"priority\":-1"));
                    TEAM.check(request("\"priority\":10"));
                })
                .doesNotThrowAnyException();
    }

    @Test
    @DisplayName("Can refuse log-probabilities")
    void noLogprobs() throws Exception {
        Tenant none = new Tenant("t", new Tenant.RequestLimits(1, 300, -1, 0, 0, Optional.empty()));
        assertThatCode(() -> none.check(request("\"n\":1"))).doesNotThrowAnyException();
        RejectedException rejected =
                catchThrowableOfType(RejectedException.class, () -> none.check(request("\"logprobs\":0")));
        assertThat(rejected.error().message()).isEqualTo("'logprobs' is not allowed for requests of tenant 't'");
    }

    private static RequestMessage request(String fields) {
        byte[] value = ("{\"model\":\"m\",\"prompt\":\"p\"," + fields + "}").getBytes(StandardCharsets.UTF_8);
        return ((Parsed.Valid<RequestMessage>) RequestMessage.parse(value, 1000)).record();
    }
}
