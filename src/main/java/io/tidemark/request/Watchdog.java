package io.tidemark.request;

import io.tidemark.generation.Engine;
import io.tidemark.generation.Engine.RunningStep;
import io.tidemark.time.RunningTime;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jboss.logging.Logger;

/**
 * Finds steps of the engine and admissions that do not end, and ends the process then. {@link #tick} is called once a
 * second, on a thread that does nothing else that can hang. {@link RunningTime} has the measure of time.
 *
 * <pre>
 *   a step ── limit ──▶ hangs
 *   an admission ── limit ──▶ interrupted ── 10 s more ──▶ hangs
 * </pre>
 *
 * <p>Only a chat template can be interrupted. A call of the native tokenizer, of the compiler of formats or of libtorch
 * cannot, nor can its thread be ended, so the process must end.
 */
public final class Watchdog {

    private static final Logger LOG = Logger.getLogger(Watchdog.class);

    /** How long after its interruption an admission is not yet a hang. */
    static final Duration AFTER_INTERRUPTION = Duration.ofSeconds(10);
    /** A younger step or admission does not seem to hang when the worker gives a partition back. */
    static final Duration MIN_UNUSUAL = Duration.ofSeconds(10);

    private final Engine engine;
    private final TimeLimits limits;
    private final Function<Set<String>, String> describe;
    private final Consumer<Throwable> onFailure;
    private final RunningTime<RunningStep> steps = new RunningTime<>();
    private final RunningTime<AdmissionRun> admissions = new RunningTime<>();
    private final Set<AdmissionRun> running = ConcurrentHashMap.newKeySet();
    private volatile Optional<Hang> hang = Optional.empty();

    /**
     * How long one activity of the worker may take. Time during which the process was suspended does not count.
     *
     * @param step      the time of the engine for a step with all its rows, or for one slice of a sweep
     * @param admission the time for one request: parsing, chat template and tokenizer, or the compilation of its format
     */
    public record TimeLimits(Duration step, Duration admission) {

        public TimeLimits {
            if (step.isNegative() || step.isZero() || admission.isNegative() || admission.isZero()) {
                throw new IllegalArgumentException("a time limit must be positive: " + step + ", " + admission);
            }
        }
    }

    /** A part of the admission of one request, on one thread. Equal to itself only. */
    static final class AdmissionRun {

        /** The id of the request in the engine. */
        private final String request;

        private volatile boolean interrupted;

        private AdmissionRun(String request) {
            this.request = request;
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
    private record Hang(String what, Set<String> requests) {}

    /**
     * @param describe  the requests with these ids in the engine, for the log
     * @param onFailure ends the process
     */
    Watchdog(Engine engine, TimeLimits limits, Function<Set<String>, String> describe, Consumer<Throwable> onFailure) {
        this.engine = engine;
        this.limits = limits;
        this.describe = describe;
        this.onFailure = onFailure;
    }

    /** Begins to watch the calling thread, which admits a request. */
    AdmissionRun admits(String request) {
        AdmissionRun run = new AdmissionRun(request);
        running.add(run);
        return run;
    }

    /** Ends the watch of the calling thread. */
    void admitted(AdmissionRun run) {
        running.remove(run);
    }

    /**
     * Checks the time limits; called a second after the end of the last call, see {@link RunningTime}. An admission
     * beyond its limit is interrupted. A step or an admission that hangs ends the process: the log names its requests.
     */
    public void tick() {
        steps.tick(engine.runningStep().stream().toList());
        admissions.tick(running);
        running.stream()
                .filter(run -> !run.isInterrupted() && isOver(admissions.of(run), limits.admission()))
                .forEach(this::interrupt);
        if (hang.isEmpty()) {
            hang = hungStep().or(this::hungAdmission);
            hang.ifPresent(this::endProcess);
        }
    }

    private void interrupt(AdmissionRun run) {
        run.interrupted = true;
        LOG.warnf(
                "the admission of request %s takes too long and is interrupted (tidemark.limits.admission-time)",
                describe.apply(Set.of(run.request)));
    }

    private void endProcess(Hang found) {
        LOG.errorf(
                "%s; the process ends without a release of its partitions; the requests are: %s",
                found.what(), describe.apply(found.requests()));
        onFailure.accept(new IllegalStateException(found.what()));
    }

    private Optional<Hang> hungStep() {
        return steps.since(limits.step()).stream()
                .findFirst()
                .map(step -> new Hang(
                        "a step of the engine has not ended within "
                                + limits.step().toSeconds() + " s (tidemark.engine.step-limit)",
                        Set.copyOf(step.requests())));
    }

    private Optional<Hang> hungAdmission() {
        return admissions.since(limits.admission().plus(AFTER_INTERRUPTION)).stream()
                .findFirst()
                .map(run -> new Hang(
                        "the admission of a request has not ended within "
                                + limits.admission().plus(AFTER_INTERRUPTION).toSeconds()
                                + " s (tidemark.limits.admission-time)",
                        Set.of(run.request)));
    }

    /** What hangs, if something does: only the end of the process resolves it. */
    public Optional<String> hang() {
        return hang.map(Hang::what);
    }

    /** How long the oldest running step of the engine has taken, in whole seconds. */
    public Duration stepAge() {
        return steps.oldest();
    }

    /**
     * Whether a request is in a step or an admission that seems to hang, also one that is abandoned, and an earlier
     * delivery of its record. A worker that gives its partition back then must not remove its name: the end of this
     * worker may be the request's fault.
     *
     * <p>It seems to hang if it has run for {@link #MIN_UNUSUAL}, and for more than twice as long as any before, or up
     * to its limit. In a process in which none has ended, it has run for more than half of its limit: the first step
     * may be slow.
     */
    public boolean seemsToHang(ReceivedRequest request) {
        String prefix = request.engineIdPrefix();
        Stream<Duration> stepAges = engine.runningStep().stream()
                .filter(step -> step.requests().stream().anyMatch(id -> id.startsWith(prefix)))
                .map(steps::of)
                .filter(age -> isUnusual(age, steps, limits.step()));
        Stream<Duration> admissionAges = running.stream()
                .filter(run -> run.request.startsWith(prefix))
                .map(admissions::of)
                .filter(age -> isUnusual(age, admissions, limits.admission()));
        return Stream.concat(stepAges, admissionAges).findAny().isPresent();
    }

    private static boolean isUnusual(Duration age, RunningTime<?> among, Duration limit) {
        Duration unusual =
                among.longestEnded().map(longest -> longest.multipliedBy(2)).orElseGet(() -> limit.dividedBy(2));
        return isOver(age, limit) || isOver(age, MIN_UNUSUAL) && age.compareTo(unusual) > 0;
    }

    private static boolean isOver(Duration age, Duration limit) {
        return age.compareTo(limit) >= 0;
    }
}
