package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.Decoder;
import io.tidemark.decoder.StepRow;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.generation.StepLoop.Ran;
import io.tidemark.generation.layout.EngineLayout;
import io.tidemark.generation.layout.StepCost;
import io.tidemark.generation.layout.StepSize;
import io.tidemark.generation.layout.StepThreads;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A step that exceeds its limit")
class ExceededStepTest {

    private static final EngineLimits LIMITS = new EngineLimits(16, 64, 1L << 30);

    @Test
    @DisplayName("Has a limit by its tokens and the positions that they attend to")
    void cost() {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa");
                KvPool pool = new KvPool(fixture.model().decoder().kvCache(), LIMITS.kvBytes())) {
            StepRow prompt = row(pool, List.of(5, 6, 7), 0);
            StepRow decode = row(pool, List.of(8), 40);
            assertThat(StepCost.of(List.of(prompt, decode))).isEqualTo(new StepCost(4, 3 * 3 + 41));
        }
    }

    private static StepRow row(KvPool pool, List<Integer> tokens, int position) {
        return new StepRow(
                pool.reserve(64).orElseThrow(), tokens, position, Optional.empty(), new Boundary(0), Optional.empty());
    }

    @Test
    @DisplayName("Is reported if it has rows of several instances, and gives each sequence its token")
    void jointStep() {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa");
                Decoder decoder = fixture.model().decoder().shareWeights();
                KvPool pool = new KvPool(decoder.kvCache(), LIMITS.kvBytes())) {
            RequestQueue queue = new RequestQueue(LIMITS, 2, instance -> {});
            StepThreads threads = new StepThreads(new EngineLayout(2, 1, 2, 1, false));
            // the limits follow from a step that takes next to no time
            threads.run(new StepCost(1, 1), 1, (count, limit) -> count);
            StepLoop loop = new StepLoop(
                    threads,
                    new StepMasks(420, TokenGrammar::advance, LIMITS.maskTimePerStep(), StepMasks.Clocks.system()),
                    ids -> {});
            List<StepResults> instances = new ArrayList<>();
            List<RecordingListener> listeners = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                instances.add(new StepResults(new Scheduler(fixture.model(), decoder, i, queue, pool, 64)));
                listeners.add(RecordingListener.plain());
                TestRequest request =
                        TestRequest.of("request-" + i, List.of(5 + i)).stopAt(StopConditions.afterExactly(2));
                queue.add(new SubmittedRequest(request.request(), listeners.get(i), 0));
            }
            Ran joint = loop.step(decoder, instances, 2);
            assertThat(joint.exceeded()).isTrue();
            assertThat(joint.sizes()).extracting(StepSize::rows).containsExactly(1, 1);
            Ran single = loop.step(decoder, instances.subList(0, 1), 2);
            assertThat(single.exceeded()).isFalse();
            assertThat(single.sizes()).extracting(StepSize::rows).containsExactly(1);
            assertThat(listeners.get(0).hasEnded()).isTrue();
            loop.step(decoder, instances.subList(1, 2), 2);
            assertThat(listeners.get(1).choice().tokens()).hasSize(2);
        }
    }
}
