package io.tidemark.calibration.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.tidemark.calibration.curve.ExampleScore;
import io.tidemark.decoder.TeacherForcedBatch;
import io.tidemark.decoder.TeacherForcing;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.ReferenceText;
import io.tidemark.model.ComputeType;
import io.tidemark.model.ModelOptions;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Boundary sweep")
@ParameterizedClass(name = "{0}")
@MethodSource("io.tidemark.fixture.SupportedKernels#fp32AndFastest")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BoundarySweepTest {

    private static final int LAYERS = 6;
    /** Of a log-likelihood per token in int8. */
    private static final double INT8_ERROR = 0.05;

    @Parameter
    private ModelOptions options;

    private FixtureModel fixture;

    @BeforeParameterizedClassInvocation
    void load() {
        fixture = FixtureModel.load("llama-gqa", options);
    }

    @AfterParameterizedClassInvocation
    void close() {
        fixture.close();
    }

    @ParameterizedTest(name = "adapter {0}, {1} tokens per slice")
    @DisplayName("The sweep gives PEFT's log-likelihood of every example at every boundary, for any size of slices")
    @CsvSource({"all, 1", "all, 64", "all, 1024", "qv, 100000", "patterns, 300", "some-layers, 200"})
    void equalsTheReference(String adapter, int tokensPerSlice) {
        ReferenceText reference = fixture.reference(adapter);
        try (SweepRun run = start(adapter, tokensPerSlice)) {
            finish(run);
            for (int i = 0; i < reference.pairs().size(); i++) {
                ReferenceText.Pair pair = reference.pairs().get(i);
                assertThat(run.scores().get(i).completionTokens())
                        .isEqualTo(pair.completion().size());
                assertThat(run.scores().get(i).meanLogprobByBoundary()).hasSize(LAYERS + 1);
                for (int boundary = 0; boundary <= LAYERS; boundary++) {
                    assertThat(run.scores().get(i).meanLogprobByBoundary().get(boundary))
                            .as("example %d, boundary %d", i, boundary)
                            .isCloseTo(
                                    pair.logprobs().get(boundary)
                                            / pair.completion().size(),
                                    within(options.computeType() == ComputeType.INT8 ? INT8_ERROR : 1e-4));
                }
            }
        }
    }

    @Test
    @DisplayName("The sweep scores an example above the batch limit correctly, in a batch of its own")
    void scoresLongExamples() {
        List<Integer> text = fixture.tokens("The boundary layer of every restaurant in the city centre. ".repeat(25))
                .subList(0, 500);
        List<TokenizedExample> examples = List.of(
                new TokenizedExample(text.subList(0, 300), text.subList(300, 500)),
                new TokenizedExample(text.subList(0, 1), text.subList(1, 3)),
                new TokenizedExample(text.subList(0, 511 - 100), text.subList(50, 151)));
        List<ExampleScore> together = scores(examples, 4096);
        for (int i = 0; i < examples.size(); i++) {
            ExampleScore alone = scores(examples.subList(i, i + 1), 1).get(0);
            for (int boundary = 0; boundary <= LAYERS; boundary++) {
                assertThat(together.get(i).meanLogprobByBoundary().get(boundary))
                        .isCloseTo(alone.meanLogprobByBoundary().get(boundary), within(1e-4));
            }
        }
    }

    @ParameterizedTest(name = "{0} tokens per slice")
    @DisplayName("The progress of a sweep never decreases from slice to slice and ends at 1")
    @ValueSource(ints = {1, 100, 5000})
    void advancesBySlices(int tokensPerSlice) {
        int batches = ExampleBatch.of(examples("all"), Math.min(tokensPerSlice, TeacherForcing.ROWS_PER_CALL))
                .size();
        try (SweepRun run = start("all", tokensPerSlice)) {
            List<Double> progress = new ArrayList<>(List.of(run.progress()));
            assertThat(progress.get(0)).isZero();
            boolean more = true;
            while (more) {
                assertThatIllegalStateException().isThrownBy(run::scores);
                more = run.runSlice();
                assertThat(run.progress())
                        .isGreaterThanOrEqualTo(progress.get(progress.size() - 1))
                        .isLessThanOrEqualTo(1);
                progress.add(run.progress());
            }
            assertThat(run.progress()).isEqualTo(1);
            assertThat(progress)
                    .as("slices: the layers of each batch, then its scores")
                    .hasSizeGreaterThanOrEqualTo(1 + batches * 2);
            assertThat(run.layerEvaluations()).isEqualTo((long) batches * (LAYERS * (LAYERS + 1) / 2 + LAYERS));
            assertThat(run.runSlice()).isFalse();
            assertThat(run.scores()).hasSameSizeAs(examples("all"));
        }
    }

    @ParameterizedTest(name = "{0} tokens per slice, {1} examples of {2} tokens")
    @DisplayName("A slice runs at most its tokens times layers, or one layer of 512 rows or of an undivided example")
    @CsvSource({"1, 1, 500", "1024, 1, 500", "4000, 1, 500", "1024, 3, 300", "4000, 3, 300", "1024, 5, 40"})
    void slicesAreBounded(int tokensPerSlice, int count, int tokens) {
        List<Integer> text = Collections.nCopies(tokens - 9, 5);
        TeacherForcedBatch batch = new TeacherForcedBatch(
                Collections.nCopies(count, new TeacherForcedBatch.ForcedSequence(text, Collections.nCopies(10, 6))));
        int oneLayer = options.computeType() == ComputeType.INT8
                ? TeacherForcing.ROWS_PER_CALL
                : Math.max(TeacherForcing.ROWS_PER_CALL, batch.rows());
        TeacherForcing decoder = fixture.model().decoder().teacherForcing(fixture.adapter("all"));
        SweepBoundaries boundaries = SweepBoundaries.all(LAYERS);
        try (BatchSweep sweep = new BatchSweep(decoder, batch, boundaries, tokensPerSlice)) {
            long largest = 0;
            boolean more = true;
            while (more) {
                long before = sweep.rowEvaluations();
                more = sweep.runSlice();
                largest = Math.max(largest, sweep.rowEvaluations() - before);
            }
            assertThat(largest).isBetween(1L, (long) Math.max(tokensPerSlice, oneLayer));
            assertThat(sweep.rowEvaluations()).isEqualTo(batch.rows() * boundaries.layerEvaluations());
        }
    }

    @Test
    @DisplayName("A sweep can be closed after any slice")
    void canBeGivenUp() {
        for (int slices = 0; slices < 10; slices++) {
            SweepRun run = start("qv", 64);
            for (int i = 0; i < slices; i++) {
                run.runSlice();
            }
            run.close();
            run.close();
        }
    }

    @Test
    @DisplayName("The sweep rejects an example above the context length and an empty list")
    void refusesWhatItCannotScore() {
        BoundarySweep sweep = new BoundarySweep(fixture.model(), SweepLimits.DEFAULT);
        TokenizedExample tooLong = new TokenizedExample(Collections.nCopies(412, 5), Collections.nCopies(101, 5));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> sweep.start(fixture.adapter("qv"), List.of(tooLong)))
                .withMessageContaining("513")
                .withMessageContaining("512");
        assertThatIllegalArgumentException().isThrownBy(() -> sweep.start(fixture.adapter("qv"), List.of()));
    }

    @ParameterizedTest(name = "{0} threads")
    @DisplayName("A sweep on several threads gives the same scores in the order of the examples, and can be stopped")
    @ValueSource(ints = {1, 2, 3, 16})
    void runsOnThreads(int threads) {
        List<ExampleScore> expected = scores(examples("all"), 1024);
        BoundarySweep sweep = new BoundarySweep(fixture.model(), new SweepLimits(1024, threads));
        try (SweepRun run = sweep.start(fixture.adapter("all"), examples("all"))) {
            assertThat(run.run(progress -> progress >= 0 && progress <= 1)).isTrue();
            assertThat(run.progress()).isCloseTo(1, within(1e-9));
            for (int i = 0; i < expected.size(); i++) {
                assertThat(run.scores().get(i).completionTokens())
                        .isEqualTo(expected.get(i).completionTokens());
                for (int boundary = 0; boundary <= LAYERS; boundary++) {
                    assertThat(run.scores().get(i).meanLogprobByBoundary().get(boundary))
                            .isCloseTo(expected.get(i).meanLogprobByBoundary().get(boundary), within(1e-5));
                }
            }
        }
        List<TokenizedExample> many = IntStream.range(0, 400)
                .mapToObj(i -> examples("all").get(i % examples("all").size()))
                .toList();
        try (SweepRun run = sweep.start(fixture.adapter("all"), many)) {
            assertThat(run.run(progress -> false)).isFalse();
            assertThatIllegalStateException().isThrownBy(run::scores);
        }
        try (SweepRun run = sweep.start(fixture.adapter("all"), many)) {
            assertThatThrownBy(() -> run.run(progress -> {
                        throw new UnsupportedOperationException("for this test");
                    }))
                    .isInstanceOf(UnsupportedOperationException.class);
        }
        Awaitility.await()
                .untilAsserted(() -> assertThat(Thread.getAllStackTraces().keySet())
                        .noneMatch(thread -> thread.getName().startsWith("tidemark-sweep")));
    }

    @Test
    @DisplayName("Batches have each example once and stay within the limit of padded tokens")
    void batchesBySize() {
        List<TokenizedExample> examples = examples("all");
        for (int limit : List.of(1, 50, 128, 1000)) {
            List<ExampleBatch> batches = ExampleBatch.of(examples, limit);
            assertThat(batches.stream().flatMap(batch -> batch.indices().stream()))
                    .hasSameSizeAs(examples)
                    .doesNotHaveDuplicates();
            assertThat(batches)
                    .allMatch(batch ->
                            batch.indices().size() == 1 || batch.forced().rows() <= limit);
        }
    }

    private List<ExampleScore> scores(List<TokenizedExample> examples, int tokensPerSlice) {
        try (SweepRun run = new BoundarySweep(fixture.model(), new SweepLimits(tokensPerSlice))
                .start(fixture.adapter("all"), examples)) {
            finish(run);
            return run.scores();
        }
    }

    private SweepRun start(String adapter, int tokensPerSlice) {
        return new BoundarySweep(fixture.model(), new SweepLimits(tokensPerSlice))
                .start(fixture.adapter(adapter), examples(adapter));
    }

    private List<TokenizedExample> examples(String adapter) {
        return fixture.reference(adapter).pairs().stream()
                .map(pair -> new TokenizedExample(fixture.tokens(pair.prompt()), pair.completion()))
                .toList();
    }

    private static void finish(SweepRun run) {
        boolean more = true;
        while (more) {
            more = run.runSlice();
        }
    }
}
