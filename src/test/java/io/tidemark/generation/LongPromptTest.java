package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.tidemark.fixture.FixtureModel;
import io.tidemark.model.ModelOptions;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("A prompt as long as the context")
@ParameterizedClass(name = "{0}")
@MethodSource("io.tidemark.fixture.SupportedKernels#independentRows")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LongPromptTest {

    @Parameter
    private ModelOptions options;

    private FixtureModel fixture;
    private int context;
    private List<Integer> text;

    @BeforeParameterizedClassInvocation
    void load() {
        fixture = FixtureModel.load("llama-gqa", options);
        context = fixture.model().config().contextLength();
        text = fixture.tokens(
                "The boundary layer of name[Blue Spice], eatType[coffee shop] is héllo 🙂 wörld. ".repeat(30));
        assertThat(text).hasSizeGreaterThan(context);
    }

    @AfterParameterizedClassInvocation
    void close() {
        fixture.close();
    }

    @Test
    @DisplayName("A prompt that leaves one token leads to the same token in chunks of any size")
    void leavesRoomForOneToken() throws RequestRejectedException {
        TestRequest request =
                TestRequest.of("long", text.subList(0, context - 1)).tokens(1).logprobs(5);
        Completion.ScoredToken whole =
                run(new EngineLimits(1, context, 1L << 30), request).logprobs().get(0);
        for (int chunk : List.of(1, 7, 64, 100, 256, 510)) {
            Completion.GeneratedChoice choice = run(new EngineLimits(1, chunk, 1L << 30), request);
            assertThat(choice.finishReason()).isIn(FinishReason.LENGTH, FinishReason.STOP);
            assertThat(choice.tokens()).containsExactly(whole.token());
            assertThat(choice.logprobs().get(0).logprob())
                    .as("chunks of %d", chunk)
                    .isCloseTo(whole.logprob(), within(1e-4));
        }
    }

    @Test
    @DisplayName("A prompt as long as the context or longer is refused as context_length_exceeded")
    void refusesOneMore() {
        for (int length : List.of(context, context + 1)) {
            try (GenerationEngine engine = GenerationEngine.start(fixture.model(), new EngineLimits(1, 64, 1L << 30))) {
                assertThatThrownBy(() -> engine.submit(
                                TestRequest.of("long", text.subList(0, length))
                                        .tokens(1)
                                        .request(),
                                RecordingListener.plain()))
                        .asInstanceOf(type(RequestRejectedException.class))
                        .satisfies(refused -> assertThat(refused.code()).isEqualTo("context_length_exceeded"))
                        .satisfies(refused -> assertThat(refused.param()).isEqualTo("prompt"));
            }
        }
    }

    private Completion.GeneratedChoice run(EngineLimits limits, TestRequest request) throws RequestRejectedException {
        try (GenerationEngine engine = GenerationEngine.start(fixture.model(), limits)) {
            RecordingListener recording = RecordingListener.plain();
            engine.submit(request.request(), recording);
            return recording.choice();
        }
    }
}
