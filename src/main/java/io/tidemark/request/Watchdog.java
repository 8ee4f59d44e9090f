package io.tidemark.request;

import io.tidemark.generation.Engine;
import io.tidemark.generation.RunningStep;
import io.tidemark.time.RunningTime;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * Finds steps of the engine and admissions that do not end. {@link #tick} is called once a second, on a thread that
 * does nothing else that can hang. {@link RunningTime} has the measure of time.
 *
 * <pre>
 *   a step ── limit ──▶ hangs
 *   an admission ── limit ──▶ interrupted ── 10 s more ──▶ hangs
 * </pre>
 *
 * <p>Only a chat template can be interrupted. A call of the native tokenizer or of libtorch cannot, nor can its thread
 * be ended, so the process must end.
 */
final class Watchdog {

    /** How long after its interruption an admission is not yet a hang. */
    static final Duration AFTER_INTERRUPTION = Duration.ofSeconds(10);
    /** A younger step or admission is no suspect when the worker gives a partition back. */
    static final Duration MIN_SUSPECT = Duration.ofSeconds(10);

    private final Engine engine;
    private final TimeLimits limits;
    private final RunningTime<RunningStep> steps = new RunningTime<>();
    private final RunningTime<AdmissionRun> admissions = new RunningTime<>();
    private volatile Optional<AdmissionRun> admission = Optional.empty();
    private volatile Optional<Hang> hang = Optional.empty();

    /** The admission of one request, on the thread of admission. */
    static final class AdmissionRun {

        private final String request;
        private volatile boolean interrupted;

        private AdmissionRun(String request) {
            this.request = request;
        }

        /** Id of the request in the engine. */
        String request() {
            return request;
        }

        boolean isInterrupted() {
            return interrupted;
        }
    }

    /**
     * Something that does not end.
     *
     * @param what     a sentence without ids of requests
     * @param requests ids in the engine of the requests that it runs
     */
    record Hang(String what, Set<String> requests) {}

    Watchdog(Engine engine, TimeLimits limits) {
        this.engine = engine;
        this.limits = limits;
    }

    /** Called on the thread of admission, before it admits a request. */
    AdmissionRun admits(String request) {
        AdmissionRun run = new AdmissionRun(request);
        admission = Optional.of(run);
        return run;
    }

    /** Called on the thread of admission. */
    void admitted() {
        admission = Optional.empty();
    }

    /**
     * A tick. Interrupts an admission at its limit.
     *
     * @return the admission that this tick has interrupted
     */
    Optional<AdmissionRun> tick() {
        steps.tick(engine.runningSteps());
        Optional<AdmissionRun> running = admission;
        admissions.tick(running.stream().toList());
        if (hang.isEmpty()) {
            hang = hungStep().or(this::hungAdmission);
        }
        Optional<AdmissionRun> late =
                running.filter(run -> !run.isInterrupted() && isOver(admissions.of(run), limits.admission()));
        late.ifPresent(run -> run.interrupted = true);
        return late;
    }

    private Optional<Hang> hungStep() {
        List<RunningStep> hung = steps.since(limits.step());
        if (hung.isEmpty()) {
            return Optional.empty();
        }
        Set<String> requests = new HashSet<>();
        hung.forEach(step -> requests.addAll(step.requests()));
        return Optional.of(new Hang(
                "a step of engine instance " + hung.get(0).instance() + " has not ended within "
                        + limits.step().toSeconds() + " s (tidemark.engine.step-limit)",
                requests));
    }

    private Optional<Hang> hungAdmission() {
        return admissions.since(limits.admission().plus(AFTER_INTERRUPTION)).stream()
                .findFirst()
                .map(run -> new Hang(
                        "the admission of a request has not ended within "
                                + limits.admission().plus(AFTER_INTERRUPTION).toSeconds()
                                + " s (tidemark.limits.admission-time)",
                        Set.of(run.request())));
    }

    /** The first hang that was found. */
    Optional<Hang> hang() {
        return hang;
    }

    /** How long the oldest step has run. */
    Duration stepAge() {
        return steps.oldest();
    }

    /**
     * Whether a request is in a step or an admission that may hang: it has run for {@link #MIN_SUSPECT}, and for more
     * than twice as long as any before, or up to its limit. In a process in which none has ended, it has run for more
     * than half of its limit: the first step may be slow.
     *
     * @param request whether an id in the engine is one of the request
     */
    boolean isSuspect(Predicate<String> request) {
        Stream<Duration> stepAges = engine.runningSteps().stream()
                .filter(step -> step.requests().stream().anyMatch(request))
                .map(steps::of)
                .filter(age -> isSuspect(age, steps, limits.step()));
        Stream<Duration> admissionAges = admission.stream()
                .filter(run -> request.test(run.request()))
                .map(admissions::of)
                .filter(age -> isSuspect(age, admissions, limits.admission()));
        return Stream.concat(stepAges, admissionAges).findAny().isPresent();
    }

    private static boolean isSuspect(Duration age, RunningTime<?> among, Duration limit) {
        Duration unusual =
                among.longestEnded().map(longest -> longest.multipliedBy(2)).orElseGet(() -> limit.dividedBy(2));
        return isOver(age, limit) || isOver(age, MIN_SUSPECT) && age.compareTo(unusual) > 0;
    }

    private static boolean isOver(Duration age, Duration limit) {
        return age.compareTo(limit) >= 0;
    }
}
