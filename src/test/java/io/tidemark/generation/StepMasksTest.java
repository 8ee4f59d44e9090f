package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.generation.Completion.GeneratedChoice;
import io.tidemark.grammar.CompiledGrammar;
import io.tidemark.grammar.GrammarState;
import io.tidemark.grammar.RowStatus;
import java.nio.IntBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;

@Timeout(180)
@DisplayName("The masks of a step")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class StepMasksTest {

    private static final int END = 2;
    private static final int VOCABULARY = 420;
    private static final Duration BUDGET = Duration.ofMillis(20);

    private FixtureModel fixture;

    @BeforeAll
    void load() {
        fixture = FixtureModel.load("llama-gqa");
    }

    @AfterAll
    void close() {
        fixture.close();
    }

    @Test
    @DisplayName(
            "Take the budget and one mask more at most: cheap rows get theirs in each step, and expensive ones in turn")
    void budget() {
        Simulation simulation = new Simulation();
        List<Sequence> cheap = simulation.add(20, Duration.ofNanos(100_000));
        simulation.step();
        List<Sequence> expensive = simulation.add(40, Duration.ofMillis(10));
        for (int step = 0; step < 100; step++) {
            Set<Sequence> served = simulation.step();
            assertThat(served).as("step %d", step).containsAll(cheap);
            assertThat(simulation.lastStep()).isLessThan(BUDGET.plusMillis(10));
        }
        // two in each step, of which one has waited longest
        assertThat(expensive)
                .allSatisfy(each -> assertThat(simulation.masks(each)).isBetween(4, 6));
        assertThat(simulation.mostWaited()).isLessThan(expensive.size());
    }

    @Test
    @DisplayName("Let a new row with a cheap grammar pass the rows whose masks are expensive")
    void newRow() {
        Simulation simulation = new Simulation();
        simulation.add(40, Duration.ofMillis(10));
        IntStream.range(0, 45).forEach(step -> simulation.step());
        Sequence cheap = simulation.add(1, Duration.ofNanos(50_000)).get(0);
        for (int step = 0; step < 10; step++) {
            assertThat(simulation.step()).contains(cheap);
        }
    }

    @Test
    @DisplayName("Are computed for one row at least, however long it takes, and for all in turn")
    void dearerThanTheBudget() {
        Simulation simulation = new Simulation();
        List<Sequence> rows = simulation.add(3, Duration.ofSeconds(1));
        for (int step = 0; step < 9; step++) {
            assertThat(simulation.step()).hasSize(1);
        }
        assertThat(rows).allSatisfy(each -> assertThat(simulation.masks(each)).isEqualTo(3));
    }

    @Test
    @DisplayName("Are all computed if they are cheap, and a row that becomes expensive delays only others of its kind")
    void becomesDear() {
        Simulation simulation = new Simulation();
        List<Sequence> rows = simulation.add(30, Duration.ofNanos(100_000));
        for (int step = 0; step < 3; step++) {
            assertThat(simulation.step()).hasSize(30);
        }
        List<Sequence> changed = rows.subList(0, 10);
        changed.forEach(each -> simulation.costs(each, Duration.ofMillis(10)));
        // two in each step until all of them are known
        IntStream.range(0, 5).forEach(step -> simulation.step());
        for (int step = 0; step < 20; step++) {
            assertThat(simulation.step()).containsAll(rows.subList(10, 30));
        }
        changed.forEach(each -> simulation.costs(each, Duration.ofNanos(100_000)));
        IntStream.range(0, 10).forEach(step -> simulation.step());
        assertThat(simulation.step()).hasSize(30);
    }

    @Test
    @DisplayName("Of a cheap row stay cheap while the host delays it, and the delay takes from the time of the step")
    void delayed() {
        Simulation simulation = new Simulation();
        List<Sequence> rows = simulation.add(10, Duration.ofNanos(100_000));
        simulation.step();
        simulation.waitsFor(rows.get(0), Duration.ofMillis(30));
        assertThat(simulation.step()).as("the wait takes the time of all").containsExactly(rows.get(0));
        simulation.waitsFor(rows.get(0), Duration.ZERO);
        simulation.step();
        List<Sequence> expensive = simulation.add(5, Duration.ofMillis(10));
        IntStream.range(0, 5).forEach(step -> simulation.step());
        for (int step = 0; step < 10; step++) {
            assertThat(simulation.step()).containsAll(rows);
        }
        assertThat(expensive)
                .allSatisfy(each -> assertThat(simulation.masks(each)).isPositive());
    }

    @Test
    @DisplayName("Are measured with a clock that stands still while a thread waits")
    void processorTime() throws InterruptedException {
        StepMasks.Clocks clocks = StepMasks.Clocks.system();
        long time = clocks.time().getAsLong();
        long processor = clocks.processor().getAsLong();
        CountDownLatch never = new CountDownLatch(1);
        assertThat(never.await(300, TimeUnit.MILLISECONDS)).isFalse();
        assertThat(clocks.time().getAsLong() - time).isGreaterThan(290_000_000L);
        assertThat(clocks.processor().getAsLong() - processor).isBetween(0L, 100_000_000L);
        while (clocks.processor().getAsLong() == processor) {
            Thread.onSpinWait();
        }
    }

    @Test
    @DisplayName("Delay neither the tokens of free rows nor change those of rows that wait")
    void inTheEngine() throws RequestRejectedException {
        List<Integer> prompt = fixture.reference("all").prompts().get(3).ids();
        List<GeneratedChoice> alone = new ArrayList<>();
        List<TokenGrammar> grammars = new ArrayList<>();
        try (GenerationEngine engine = start(Duration.ofSeconds(100))) {
            for (int i = 0; i < 6; i++) {
                RecordingListener listener = RecordingListener.plain();
                engine.submit(constrained("alone-" + i, prompt, grammar(i)), listener);
                alone.add(listener.choice());
            }
            assertThat(engine.stats().steps().masks().waits()).isZero();
            assertThat(engine.stats().steps().masks().steps()).isPositive();
        }
        // each mask takes all of the budget
        try (GenerationEngine engine = start(Duration.ofNanos(1))) {
            List<RecordingListener> together = new ArrayList<>();
            // read on the thread of the engine, which goes on to generate
            List<Long> generated = new CopyOnWriteArrayList<>();
            RecordingListener free = RecordingListener.onFirstText(() -> {
                        for (int i = 0; i < 6; i++) {
                            grammars.add(grammar(i));
                            together.add(RecordingListener.plain());
                            submit(engine, constrained("row-" + i, prompt, grammars.get(i)), together.get(i));
                        }
                    })
                    .andOnFinished(() -> generated.add(engine.stats().steps().generatedTokens()));
            engine.submit(TestRequest.of("free", prompt).tokens(30).request(), free);
            assertThat(free.choice().tokens()).hasSize(30);
            assertThat(generated)
                    .as("a row with a grammar in each step, at most, beside the free row")
                    .singleElement()
                    .satisfies(tokens -> assertThat(tokens).isLessThanOrEqualTo(62));
            for (int i = 0; i < 6; i++) {
                assertThat(together.get(i).choice()).isEqualTo(alone.get(i));
                assertThat(grammars.get(i).mistakes()).isEmpty();
                assertThat(grammars.get(i).open()).isZero();
            }
            assertThat(engine.stats().steps().masks().waits()).isPositive();
            assertThat(engine.stats().steps().masks().nanos()).isPositive();
            assertThat(engine.stats().steps().masks().failures()).isZero();
        }
    }

    @Test
    @DisplayName("Leave the prompt tokens of rows that wait to the next prompts")
    void promptTokens() throws RequestRejectedException {
        List<Long> steps = new CopyOnWriteArrayList<>();
        List<RecordingListener> slow = new ArrayList<>();
        // four prompts a step, and one mask
        EngineLimits limits = new EngineLimits(12, 128, 1L << 30, 0, Duration.ofNanos(1));
        try (GenerationEngine engine = start(limits)) {
            RecordingListener free = RecordingListener.onFinished(
                    () -> steps.add(engine.stats().steps().masks().steps()));
            RecordingListener first = RecordingListener.onFirstText(() -> {
                for (int i = 0; i < 8; i++) {
                    slow.add(RecordingListener.plain());
                    submit(engine, constrained("slow-" + i, prompt(i), grammar(i)), slow.get(i));
                }
                submit(engine, TestRequest.of("free", prompt(9)).tokens(1).request(), free);
            });
            engine.submit(
                    TestRequest.of(
                                    "first",
                                    fixture.reference("all").prompts().get(3).ids())
                            .tokens(60)
                            .request(),
                    first);
            first.outcome();
            assertThat(free.choice().tokens()).hasSize(1);
            slow.forEach(RecordingListener::choice);
        }
        assertThat(steps)
                .as("steps with masks before the one that starts and ends the request")
                .containsExactly(0L);
    }

    private static List<Integer> prompt(int i) {
        return Collections.nCopies(32, 10 + i);
    }

    private static TokenGrammar grammar(int seed) {
        return TokenGrammar.random(seed, END, 3, VOCABULARY, 40, 12);
    }

    private static EngineRequest constrained(String id, List<Integer> prompt, CompiledGrammar grammar) {
        GenerationParams params =
                GenerationParams.greedy(StopConditions.after(20)).withGrammar(grammar);
        return new EngineRequest(id, prompt, params, Optional.empty(), Boundary.full(6));
    }

    private static void submit(GenerationEngine engine, EngineRequest request, RecordingListener listener) {
        try {
            engine.submit(request, listener);
        } catch (RequestRejectedException e) {
            throw new IllegalStateException(e);
        }
    }

    private GenerationEngine start(Duration budget) {
        return start(new EngineLimits(12, 512, 1L << 30, 0, budget));
    }

    private GenerationEngine start(EngineLimits limits) {
        return GenerationEngine.start(fixture.model(), limits);
    }

    /** Steps of sequences whose masks take the time that the test says, on a clock of its own. */
    private final class Simulation {

        private final Map<Sequence, Duration> costs = new IdentityHashMap<>();
        private final Map<Sequence, Integer> computed = new IdentityHashMap<>();
        private final List<Sequence> running = new ArrayList<>();
        private final Map<Sequence, Duration> waits = new IdentityHashMap<>();
        private long now;
        private long processorTime;
        private final StepMasks masks =
                new StepMasks(VOCABULARY, BUDGET, new StepMasks.Clocks(() -> now, () -> processorTime));
        private long lastStep;
        private int mostWaited;

        /** The grammar of one sequence, whose masks take the time of the sequence. */
        private final class TimedGrammar implements CompiledGrammar, GrammarState {

            private Sequence sequence;

            @Override
            public GrammarState start() {
                return this;
            }

            @Override
            public RowStatus advance(int lastToken, IntBuffer mask) {
                now += costs.get(sequence)
                        .plus(waits.getOrDefault(sequence, Duration.ZERO))
                        .toNanos();
                processorTime += costs.get(sequence).toNanos();
                computed.merge(sequence, 1, Integer::sum);
                mask.put(0, -1);
                return RowStatus.OK;
            }

            @Override
            public long bytes() {
                return 0;
            }

            @Override
            public void close() {}
        }

        private List<Sequence> add(int count, Duration cost) {
            List<Sequence> added = new ArrayList<>();
            try (KvPool pool = new KvPool(fixture.model().decoder().kvCache(), Long.MAX_VALUE)) {
                for (int i = 0; i < count; i++) {
                    TimedGrammar grammar = new TimedGrammar();
                    EngineRequest request = constrained("r", List.of(5), grammar);
                    Sequence sequence = new Sequence(
                            new SubmittedRequest(request, outcome -> {}, 0),
                            0,
                            pool.reserve(64).orElseThrow(),
                            fixture.model().tokenizer(),
                            Set.of(END));
                    grammar.sequence = sequence;
                    costs.put(sequence, cost);
                    added.add(sequence);
                }
            }
            running.addAll(added);
            return added;
        }

        private void costs(Sequence sequence, Duration cost) {
            costs.put(sequence, cost);
        }

        private void waitsFor(Sequence sequence, Duration wait) {
            waits.put(sequence, wait);
        }

        private Set<Sequence> step() {
            long start = now;
            StepMasks.Advanced advanced = masks.advance(running);
            lastStep = now - start;
            assertThat(advanced.nanos()).isEqualTo(lastStep);
            running.forEach(each -> mostWaited = Math.max(mostWaited, each.waitedSteps()));
            return advanced.statuses().keySet();
        }

        private Duration lastStep() {
            return Duration.ofNanos(lastStep);
        }

        private int masks(Sequence sequence) {
            return computed.getOrDefault(sequence, 0);
        }

        private int mostWaited() {
            return mostWaited;
        }
    }
}
