package io.tidemark.request;

import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.adapter.AdapterSuggestions;
import io.tidemark.adapter.RegisteredAdapter;
import io.tidemark.boundary.AppliedBoundary;
import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.fixture.Catalogs;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.generation.EngineRequest;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.StopConditions;
import io.tidemark.grammar.CompiledGrammar;
import io.tidemark.grammar.FakeGrammars;
import io.tidemark.grammar.FormatCompiler;
import io.tidemark.grammar.GrammarException;
import io.tidemark.message.AnswerFormat;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.EventMessage;
import io.tidemark.message.Parsed;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.RequestMessage;
import io.tidemark.message.TopicJson;
import io.tidemark.message.UnknownField;
import io.tidemark.time.Time;
import io.tidemark.time.VirtualTime;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;

/**
 * Requests on the thread of the test, with a virtual clock and a recording engine. Adapter 'warm' is loaded; the test
 * completes the lease of adapter 'cold'.
 */
final class RequestRunnerFixture implements AutoCloseable {

    /** Checked when the test calls {@link Watchdog#tick}. */
    static final Watchdog.TimeLimits LIMITS = new Watchdog.TimeLimits(Duration.ofSeconds(30), Duration.ofSeconds(3));

    private static final String FAMILY = "llama-gqa";

    private final Map<String, CompletableFuture<AdapterLease>> leases = new ConcurrentHashMap<>();
    private final List<Answer> answers = new CopyOnWriteArrayList<>();
    private final List<EventMessage> events = new CopyOnWriteArrayList<>();
    private final List<Throwable> failures = new CopyOnWriteArrayList<>();
    private Runnable duringAdmission = () -> {};
    private Runnable duringOpening = () -> {};
    private int openings;
    private final List<String> outcomes = new CopyOnWriteArrayList<>();
    private final Deque<Runnable> compilations = new ArrayDeque<>();
    private final Deque<Runnable> admissions = new ArrayDeque<>();
    private boolean holdsAdmissions;
    private final FakeGrammars grammars = new FakeGrammars();
    private final Set<AnswerFormat> compiled = new HashSet<>();
    private Function<AnswerFormat, Optional<Exception>> refusals = format -> Optional.empty();
    private final VirtualTime time = new VirtualTime();
    private final RecordingEngine engine = new RecordingEngine();
    private final FixtureModel fixture = FixtureModel.load(FAMILY);
    private final AdapterStore store = new AdapterStore(fixture.model());
    private final RequestRunner requests;

    RequestRunnerFixture() {
        this(worker -> worker);
    }

    /** @param clock of the results; one that throws an exception makes results fail */
    RequestRunnerFixture(Function<Time, Time> clock) {
        register(store);
        RequestListener listener = new RequestListener() {
            @Override
            public void onFormatCompiled(String outcome, Duration duration) {
                outcomes.add(outcome);
            }
        };
        Boundaries noRecord = (adapter, version) -> new Boundaries.RequestBoundary(
                new AppliedBoundary.FullLora(
                        Boundary.full(version.numLayers()), AppliedBoundary.FullLoraReason.NO_RECORD),
                OptionalLong.empty());
        requests = new RequestRunner(
                new RequestParser(10_000, UnknownField.Rule.IGNORE),
                new Admission(
                        fixture.model(),
                        Catalogs.ofFolders(store),
                        noRecord,
                        AnswerFormats.of(this::compiler),
                        AdapterSuggestions.NONE,
                        listener),
                this::lease,
                engine,
                new Answers(FAMILY, fixture.model().config().numLayers(), "w", clock.apply(time)),
                RequestFixtures.threads(this::runAdmission, compilations::add, RequestFixtures.timer(time), LIMITS),
                time,
                failures::add);
    }

    private void runAdmission(Runnable task) {
        if (holdsAdmissions) {
            admissions.add(task);
        } else {
            task.run();
        }
    }

    /** Tasks for the threads of admission, which the test runs from now on. */
    Deque<Runnable> holdAdmissions() {
        holdsAdmissions = true;
        return admissions;
    }

    private FormatCompiler compiler() {
        openings++;
        duringOpening.run();
        return new FormatCompiler() {
            @Override
            public Optional<CompiledGrammar> find(AnswerFormat format, String tenant) {
                return compiled.contains(format) ? Optional.of(grammars.compiled()) : Optional.empty();
            }

            @Override
            public CompiledGrammar compile(AnswerFormat format, String tenant) throws GrammarException {
                Optional<Exception> refusal = refusals.apply(format);
                if (refusal.isEmpty()) {
                    compiled.add(format);
                    return grammars.compiled();
                }
                if (refusal.get() instanceof GrammarException unsupported) {
                    throw unsupported;
                }
                throw (RuntimeException) refusal.get();
            }

            @Override
            public long usedBytes() {
                return 0;
            }

            @Override
            public void close() {}
        };
    }

    /** The outcomes of compilations, as metrics see them. */
    List<String> outcomes() {
        return outcomes;
    }

    /** How often the compiler of formats was opened. */
    int openings() {
        return openings;
    }

    /** What happens while the compiler of formats is opened. */
    void duringOpening(Runnable action) {
        duringOpening = action;
    }

    /** What the compiler does with a format: a failure, or none. It runs on the thread of the compilation. */
    void onCompilation(Function<AnswerFormat, Optional<Exception>> refusal) {
        refusals = refusal;
    }

    /** Tasks for the threads of formats, which the test runs. */
    Deque<Runnable> compilations() {
        return compilations;
    }

    /** The formats that have been compiled. */
    Set<AnswerFormat> compiled() {
        return compiled;
    }

    /** Grammars that requests have and have not closed. */
    int openGrammars() {
        return grammars.open();
    }

    /** Runs an action in the admission of each request, after it is parsed and before its prompt is rendered. */
    void duringAdmission(Runnable action) {
        duringAdmission = action;
    }

    /** A store of both adapters with memory for one of them. */
    AdapterStore smallStore() {
        AdapterStore small =
                new AdapterStore(fixture.model(), fixture.adapter("qv").bytes());
        register(small);
        return small;
    }

    private static void register(AdapterStore store) {
        List.of("warm", "cold").forEach(id -> store.register(id, Folders.adapter(FAMILY, "qv")));
    }

    RequestRunner requests() {
        return requests;
    }

    RecordingEngine engine() {
        return engine;
    }

    AdapterStore store() {
        return store;
    }

    VirtualTime time() {
        return time;
    }

    /** Errors and exceptions that end the process. */
    List<Throwable> failures() {
        return failures;
    }

    List<EventMessage> events() {
        return events;
    }

    List<Answer> answers() {
        return answers;
    }

    /** The lease of the cold adapter, which the test completes. A request has asked for it. */
    CompletableFuture<AdapterLease> coldLease() {
        return Optional.ofNullable(leases.get("cold")).orElseThrow();
    }

    boolean noAdapterRequested() {
        return leases.isEmpty();
    }

    /** Delivers a request with id {@code rOFFSET} for an adapter. */
    CompletableFuture<Answer> deliver(int offset, String model) {
        return deliver(offset, model, 0);
    }

    CompletableFuture<Answer> deliver(int offset, String model, long timestamp) {
        return deliver(
                offset,
                timestamp,
                "{\"id\": \"r%d\", \"model\": \"%s\", \"prompt\": \"x\", \"max_tokens\": 4}".formatted(offset, model));
    }

    CompletableFuture<Answer> deliver(int offset, long timestamp, String body) {
        return deliver(received(offset, timestamp, body));
    }

    CompletableFuture<Answer> deliver(ReceivedRequest request) {
        CompletableFuture<Answer> answered = new CompletableFuture<>();
        requests.start(request, answer -> {
            answers.add(answer);
            answered.complete(answer);
        });
        return answered;
    }

    ReceivedRequest received(int offset, long timestamp, String body) {
        return received(offset, timestamp, body, Optional.empty());
    }

    /** @param refusal of the reply target */
    ReceivedRequest received(int offset, long timestamp, String body, Optional<ErrorBody> refusal) {
        ReplyTarget target = target(refusal, events);
        ReplyTarget hooked = new ReplyTarget() {
            @Override
            public Optional<ErrorBody> refusal() {
                duringAdmission.run();
                return target.refusal();
            }

            @Override
            public void send(EventMessage event) {
                target.send(event);
            }
        };
        return received(offset, timestamp, body, hooked);
    }

    static ReceivedRequest received(
            int offset, long timestamp, String body, Optional<ErrorBody> refusal, List<EventMessage> events) {
        return received(offset, timestamp, body, target(refusal, events));
    }

    private static ReceivedRequest received(int offset, long timestamp, String body, ReplyTarget target) {
        return RequestFixtures.received(
                new Source("requests", 0, offset),
                Optional.of(body.getBytes(StandardCharsets.UTF_8)),
                body.getBytes(StandardCharsets.UTF_8).length,
                timestamp,
                3,
                0,
                target);
    }

    /** A reply target that adds events to a list. */
    static ReplyTarget target(Optional<ErrorBody> refusal, List<EventMessage> events) {
        return new ReplyTarget() {
            @Override
            public Optional<ErrorBody> refusal() {
                return refusal;
            }

            @Override
            public void send(EventMessage event) {
                events.add(event);
            }
        };
    }

    /** All results, concatenated. */
    String results() {
        return answers.stream()
                .map(answer -> new String(TopicJson.write(answer.result()), StandardCharsets.UTF_8))
                .reduce("", String::concat);
    }

    /** A valid request for the base model of two layers, with id {@code r}. */
    static AdmittedRequest admitted(String request) {
        RequestMessage message = ((Parsed.Valid<RequestMessage>)
                        RequestMessage.parse(request.getBytes(StandardCharsets.UTF_8), 1000))
                .record();
        GenerationParams params = new GenerationParams(
                StopConditions.after(4), SamplingParams.GREEDY, 1, message.n(), OptionalInt.empty());
        return new AdmittedRequest(
                "r",
                message,
                Optional.empty(),
                new EngineRequest("r", List.of(1), params, Optional.empty(), Boundary.full(2)),
                Duration.ZERO);
    }

    private CompletableFuture<AdapterLease> lease(RegisteredAdapter adapter, String tenant) {
        String id = adapter.id();
        return id.equals("warm")
                ? CompletableFuture.completedFuture(store.awaitLease(id))
                : leases.compute(
                        id, (name, last) -> last == null || last.isCancelled() ? new CompletableFuture<>() : last);
    }

    @Override
    public void close() {
        store.close();
        fixture.close();
    }
}
