package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.fixture.FixtureModel;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
@DisplayName("Estimate of the tokens that requests still need")
class TokensLeftTest {

    private static final EngineLimits LIMITS = new EngineLimits(6, 64, 1L << 30);

    @Test
    @DisplayName(
            "With known lengths, processed tokens and those left are the same sum in every step, and none are left")
    void exactWithKnownLengths() {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa");
                KvPool pool = new KvPool(fixture.model().decoder().kvCache(), LIMITS.kvBytes())) {
            RequestQueue queue = new RequestQueue(LIMITS, () -> {});
            Scheduler scheduler = new Scheduler(fixture.model(), queue, pool, 64);
            StepResults results = new StepResults(scheduler);
            StepLoop loop = new StepLoop(
                    fixture.model().decoder(),
                    results,
                    new StepMasks(420, LIMITS.maskTimePerStep(), StepMasks.Clocks.system()),
                    ids -> {});
            int[] promptTokens = {40, 1, 7, 200, 65, 130, 33};
            int total = 0;
            int furtherChoices = 0;
            List<RecordingListener> listeners = new ArrayList<>();
            for (int i = 0; i < promptTokens.length; i++) {
                int choices = 1 + i % 3;
                int tokens = 1 + i * 3;
                total += promptTokens[i] + choices * tokens;
                furtherChoices += choices - 1;
                TestRequest request = TestRequest.of("request-" + i, Collections.nCopies(promptTokens[i], 5 + i))
                        .stopAt(StopConditions.afterExactly(tokens))
                        .choices(choices);
                listeners.add(RecordingListener.plain());
                queue.add(new SubmittedRequest(request.request(), listeners.get(i), 0));
            }
            assertThat(queue.tokensLeft(1)).isEqualTo(total);
            while (listeners.stream().anyMatch(listener -> !listener.hasEnded())) {
                assertThat(loop.step()).isPositive();
                EngineStats.Steps stats = results.stats(0);
                double processed = stats.tokens();
                assertThat(processed + queue.tokensLeft(1) + scheduler.tokensLeft(1))
                        .as("each further choice computes the last token of the prompt")
                        .isCloseTo(total, Offset.offset((double) furtherChoices));
            }
            assertThat(queue.tokensLeft(1) + scheduler.tokensLeft(1)).isZero();
        }
    }

    @Test
    @DisplayName(
            "A choice counts with the usual length, within its own limits, and with its maximum if only that ends it")
    void expectedTokens() {
        assertThat(expected(StopConditions.after(100), 40)).isEqualTo(40);
        assertThat(expected(StopConditions.after(20), 40)).isEqualTo(20);
        assertThat(expected(StopConditions.after(100).withMinTokens(60), 40)).isEqualTo(60);
        assertThat(expected(StopConditions.after(100), 0)).isEqualTo(1);
        assertThat(expected(StopConditions.afterExactly(100), 40)).isEqualTo(100);
        assertThat(expected(StopConditions.afterExactly(100).withStop(List.of("x")), 40))
                .isEqualTo(40);
        assertThat(expected(StopConditions.afterExactly(100).withStopTokens(Set.of(3)), 40))
                .isEqualTo(40);
    }

    @Test
    @DisplayName("A running choice that is longer than usual needs one more token")
    void longerThanUsual() throws RequestRejectedException {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa");
                GenerationEngine engine = GenerationEngine.start(fixture.model(), LIMITS)) {
            List<Double> left = new ArrayList<>();
            RecordingListener listener = RecordingListener.onFirstText(() -> {
                left.add(engine.tokensLeft(1));
                left.add(engine.tokensLeft(11));
            });
            engine.submit(TestRequest.of("long", List.of(5)).tokens(12).request(), listener);
            assertThat(listener.completion().choices()).hasSize(1);
            assertThat(left.get(0)).isEqualTo(1);
            assertThat(left.get(1)).isBetween(1.0, 10.0);
            assertThat(engine.tokensLeft(1)).isZero();
        }
    }

    private static double expected(StopConditions conditions, double usual) {
        return new GenerationParams(conditions, SamplingParams.GREEDY, 0, 1, OptionalInt.empty()).expectedTokens(usual);
    }
}
