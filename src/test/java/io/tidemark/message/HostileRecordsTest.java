package io.tidemark.message;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.Bounds;
import io.tidemark.fixture.HostileJson;
import java.util.List;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Label;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.BeforeContainer;

/** Records of hostile clients are parsed or rejected, and cost a bounded multiple of their bytes. */
@Label("Records of hostile clients")
class HostileRecordsTest {

    private static final int MAX_BYTES = 1 << 18;
    private static final Bounds BOUNDS = new Bounds(10, 2_000, 64, 4 << 20);

    private static final List<String> SAMPLES =
            List.of("""
            {"id":"r","model":"m","prompt":"a b c","max_tokens":9,"temperature":0.5,"top_p":0.9,"seed":7,"stop":["x"],
            "logprobs":2,"n":2,"priority":-1,"deadline":"2030-01-01T00:00:00Z","timeout_ms":5,"boundary":3,
            "logit_bias":{"5":1.5},"stop_token_ids":[3],"stream":true}""", """
            {"model":"m","messages":[{"role":"user","content":"a","name":"u"},
            {"role":"assistant","content":[{"type":"text","text":"b"}],
            "tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\\"x\\":1}"}}]}],
            "tools":[{"type":"function","function":{"name":"f","parameters":{"x":{}}}}],"ignore_eos":false,"min_tokens":1}""", """
            {"model":"m","prompt":"a","response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,
            "schema":{"type":"object","properties":{"a":{"enum":[1,"b",null,2.5]}},"required":["a"]}}}}""", """
            {"model":"m","prompt":"a","structured_outputs":{"json":"{\\"type\\":\\"object\\"}","choice":["a","b"],
            "regex":"[0-9]+","grammar":"start: X","whitespace_pattern":" "},"response_format":{"type":"text"}}""", """
            {"batch_id":"b","adapter":"a","examples":[{"prompt":"p","completion":"c"},
            {"messages":[{"role":"user","content":"a"}],"completion":"c"}]}""", """
            {"id":"r","source":{"topic":"t","partition":1,"offset":2}}""", """
            {"adapter":"a","boundary":1,"version":{"adapter_digest":"ff","base_model":"m","num_layers":2},
            "decided_at":"2030-01-01T00:00:00Z"}""", new String(BoundaryRecords.calibratedValue("a"), UTF_8));

    /** The first call loads classes, which allocates. */
    @BeforeContainer
    static void warmUp() {
        assertThat(RequestMessage.parse(SAMPLES.get(0).getBytes(UTF_8), MAX_BYTES))
                .isInstanceOf(Parsed.Valid.class);
        assertThat(RequestMessage.parse(SAMPLES.get(1).getBytes(UTF_8), MAX_BYTES))
                .isInstanceOf(Parsed.Valid.class);
        for (String sample : SAMPLES) {
            byte[] value = sample.getBytes(UTF_8);
            RequestMessage.parse(value, MAX_BYTES);
            RequestMessage.parse(value, 1);
            ValidationBatch.parse(value, MAX_BYTES, 1000);
            CancellationMessage.parse(value);
            TableEntry.parse("a", value);
        }
    }

    @Provide
    static Arbitrary<byte[]> values() {
        return HostileJson.values(SAMPLES, MAX_BYTES);
    }

    @Property(tries = 400)
    @Label("A request is parsed or rejected")
    void requests(@ForAll("values") byte[] value) {
        assertThat(BOUNDS.call(value.length, () -> RequestMessage.parse(value, MAX_BYTES)))
                .isInstanceOfAny(Parsed.Valid.class, Parsed.Invalid.class);
    }

    @Property(tries = 400)
    @Label("The estimate of a valid request has all its tokens and log-probabilities, and its id, priority and end")
    void estimates(@ForAll("values") byte[] value) {
        RequestEstimate estimate = RequestEstimate.of(value, 1 << 30);
        if (RequestMessage.parse(value, MAX_BYTES) instanceof Parsed.Valid<RequestMessage> valid) {
            long tokens = (long) valid.record().n() * valid.record().ending().maxTokens();
            assertThat(estimate.tokens()).isGreaterThanOrEqualTo(tokens);
            assertThat(estimate.head()).isEqualTo(valid.record().head());
            assertThat(estimate.answerBytes())
                    .isEqualTo(
                            RequestEstimate.answerBytes(tokens, valid.record().maxLogprobs()));
        }
    }

    @Property(tries = 200)
    @Label("A validation batch is parsed or rejected")
    void batches(@ForAll("values") byte[] value) {
        assertThat(BOUNDS.call(value.length, () -> ValidationBatch.parse(value, MAX_BYTES, 1000)))
                .isInstanceOfAny(Parsed.Valid.class, Parsed.Invalid.class);
    }

    @Property(tries = 200)
    @Label("A cancellation is parsed or rejected")
    void cancellations(@ForAll("values") byte[] value) {
        assertThat(BOUNDS.call(value.length, () -> CancellationMessage.parse(value)))
                .isInstanceOfAny(Parsed.Valid.class, Parsed.Invalid.class);
    }

    @Property(tries = 200)
    @Label("A boundary record is present or broken")
    void boundaries(@ForAll("values") byte[] value) {
        assertThat(BOUNDS.call(value.length, () -> TableEntry.parse("a", value)))
                .isInstanceOfAny(TableEntry.Present.class, TableEntry.Broken.class);
    }

    @Property(tries = 200)
    @Label("The value of a request that is too large is not read")
    void tooLarge(@ForAll("values") byte[] value) {
        Parsed<RequestMessage> parsed =
                new Bounds(0, 100, 0, 1 << 16).call(0, () -> RequestMessage.parse(value, value.length - 1));
        assertThat(parsed).isInstanceOf(Parsed.Invalid.class);
    }
}
