package io.tidemark.client;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.message.BoundaryRecord;
import io.tidemark.message.ChatTurn;
import io.tidemark.message.CompletionResult;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.ErrorResult;
import io.tidemark.message.EventMessage;
import io.tidemark.message.Input;
import io.tidemark.message.Provenance;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.RawValidationBatch;
import io.tidemark.message.ResultMessage;
import io.tidemark.message.TableEntry;
import io.tidemark.message.TopicJson;
import io.tidemark.message.UncountedExamples;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.concurrent.SubmissionPublisher;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;

/**
 * A Tidemark for unit tests of programs that use {@link TidemarkClient}: a function answers the requests, on the thread
 * that submits them, without Kafka and without a model. Thread-safe if the function is.
 *
 * <pre>{@code
 * InMemoryTidemark tidemark = new InMemoryTidemark(request -> CannedAnswer.text("a pub", " by the river"));
 * assertEquals("a pub by the river", new Menu(tidemark).describe("name[The Eagle]"));
 * assertEquals("restaurants", tidemark.requests().get(0).field("model").asText());
 * }</pre>
 *
 * <p>A request whose answer is {@link CannedAnswer#none} stays open until {@link #answer} ends it, so that a test can
 * look at a program that waits. There are no limits: no request fails with {@code TooManyOpen} or {@code TimedOut}.
 */
public final class InMemoryTidemark implements TidemarkClient {

    private static final String BASE_MODEL = "in-memory";
    private static final String TOPIC = Topics.DEFAULT.requests();
    private static final Executor HERE = Runnable::run;

    private final Function<GenerationRequest, CannedAnswer> service;
    private final Map<String, Pending> open = new LinkedHashMap<>();
    private final List<GenerationRequest> requests = new ArrayList<>();
    private final List<String> cancelled = new ArrayList<>();
    private final List<RawValidationBatch> batches = new ArrayList<>();
    /** The examples of the batches as JSON, by adapter. */
    private final Map<String, Set<String>> examples = new HashMap<>();
    /** The examples of the counted batches, by adapter and id. */
    private final Map<String, Map<String, List<JsonNode>>> counted = new HashMap<>();

    private final SortedMap<String, TableEntry> boundaries = new TreeMap<>();
    private final List<SubmissionPublisher<BoundaryChange>> watches = new ArrayList<>();
    private boolean closed;

    /** @param service answers each request; it may be called by several threads */
    public InMemoryTidemark(Function<GenerationRequest, CannedAnswer> service) {
        this.service = service;
    }

    private record Pending(OpenRequest handle, GenerationRequest request, Source source) {}

    /** How a request ends. */
    public sealed interface CannedAnswer {

        /** An answer whose events are the texts, one each, and whose result is all of them. */
        static CannedAnswer text(String... texts) {
            return new TextAnswer(List.of(texts), "stop");
        }

        /** An error of the service, such as {@code refused("unknown_adapter", "no adapter 'x'")}. */
        static CannedAnswer refused(String code, String message) {
            return new Refusal(new ErrorBody(ErrorBody.INVALID_REQUEST, code, message, Optional.empty()));
        }

        /** No answer: the request stays open. */
        static CannedAnswer none() {
            return new None();
        }

        /** @param finishReason stop, length, deadline, cancelled or error */
        record TextAnswer(List<String> texts, String finishReason) implements CannedAnswer {

            public TextAnswer {
                texts = List.copyOf(texts);
            }
        }

        record Refusal(ErrorBody error) implements CannedAnswer {}

        record None() implements CannedAnswer {}
    }

    @Override
    public OpenRequest submit(GenerationRequest request) {
        Pending pending = add(request);
        if (isOpen(pending)) {
            pending.handle.acknowledge(pending.source);
            end(pending, service.apply(pending.request));
        } else {
            pending.handle.fail(
                    new ClientException.Closed(
                            "request '" + pending.handle.id() + "' was not sent: the client is closed"),
                    () -> {});
        }
        return pending.handle;
    }

    private synchronized Pending add(GenerationRequest request) {
        int number = requests.size();
        GenerationRequest named = request.hasId() ? request : request.id("request-" + number);
        String id = named.id().orElseGet(() -> named.field("id").asText());
        Pending pending = new Pending(handle(id, named.isStreaming()), named, new Source(TOPIC, 0, number));
        if (!closed) {
            requireNew(id);
            requests.add(named);
            open.put(id, pending);
        }
        return pending;
    }

    private OpenRequest handle(String id, boolean streaming) {
        return new OpenRequest(
                id, ByteBuffer.allocate(0), streaming, HERE, new AtomicLong(Long.MAX_VALUE >> 1), this::cancel);
    }

    private void requireNew(String id) {
        if (open.containsKey(id)) {
            throw new IllegalArgumentException("a request with the id '" + id + "' is open");
        }
    }

    private synchronized boolean isOpen(Pending pending) {
        return open.get(pending.handle.id()) == pending;
    }

    @Override
    public OpenRequest submit(GenerationRequest request, Duration maxWait) {
        return submit(request);
    }

    /** Attached requests are open until {@link #answer} ends them. */
    @Override
    public List<OpenRequest> attach(Collection<String> ids, Instant since) {
        return attach(
                ids.stream().map(id -> pending(id, new Source(TOPIC, 0, -1))).toList());
    }

    @Override
    public List<OpenRequest> attachRecords(Map<String, Source> records, Instant since) {
        List<Pending> attached = records.entrySet().stream()
                .map(each -> pending(each.getKey(), each.getValue()))
                .toList();
        List<OpenRequest> handles = attach(attached);
        attached.forEach(each -> each.handle.acknowledge(each.source));
        return handles;
    }

    private Pending pending(String id, Source source) {
        return new Pending(
                handle(id, true), GenerationRequest.prompt(BASE_MODEL, "").id(id), source);
    }

    /** Adds all requests or none. */
    private List<OpenRequest> attach(List<Pending> attached) {
        List<OpenRequest> handles =
                attached.stream().map(pending -> pending.handle).toList();
        synchronized (this) {
            Set<String> ids = new HashSet<>();
            attached.forEach(pending -> {
                requireNew(pending.handle.id());
                if (!ids.add(pending.handle.id())) {
                    throw new IllegalArgumentException("the id '" + pending.handle.id() + "' is attached twice");
                }
            });
            if (!closed) {
                attached.forEach(pending -> open.put(pending.handle.id(), pending));
                return handles;
            }
        }
        ClientException refused =
                new ClientException.Closed(handles.size() + " requests were not attached: the client is closed");
        handles.forEach(handle -> handle.fail(refused, () -> {}));
        return handles;
    }

    /**
     * Ends an open request.
     *
     * @throws IllegalArgumentException if no request with the id is open
     */
    public void answer(String id, CannedAnswer answer) {
        Pending pending;
        synchronized (this) {
            pending = Optional.ofNullable(open.get(id))
                    .orElseThrow(() -> new IllegalArgumentException("no request with the id '" + id + "' is open"));
        }
        end(pending, answer);
    }

    private void end(Pending pending, CannedAnswer answer) {
        if (answer instanceof CannedAnswer.None) {
            return;
        }
        synchronized (this) {
            open.remove(pending.handle.id(), pending);
        }
        if (answer instanceof CannedAnswer.TextAnswer text) {
            for (int i = 0; pending.request.isStreaming() && i < text.texts().size(); i++) {
                pending.handle.stream()
                        .onEvent(new EventMessage(
                                pending.handle.id(), 1, 0, i, text.texts().get(i), Optional.empty()));
            }
            complete(pending, completion(pending, text));
        } else {
            ErrorBody error = ((CannedAnswer.Refusal) answer).error();
            complete(
                    pending,
                    ErrorResult.of(
                            pending.handle.id(), seconds(), Optional.of(model(pending)), error, provenance(pending)));
        }
    }

    private static void complete(Pending pending, ResultMessage message) {
        String json = new String(TopicJson.write(message), StandardCharsets.UTF_8);
        pending.handle.complete(new RequestResult(pending.handle.id(), message, json), () -> {});
    }

    private static CompletionResult completion(Pending pending, CannedAnswer.TextAnswer text) {
        String whole = String.join("", text.texts());
        boolean chat = !pending.request.field("messages").isMissingNode();
        Input input = chat
                ? new Input.Messages(List.of(new ChatTurn("user", "")), List.of())
                : new Input.Prompt(pending.request.field("prompt").asText());
        return new CompletionResult(
                pending.handle.id(),
                CompletionResult.objectFor(input),
                seconds(),
                model(pending),
                List.of(CompletionResult.Choice.answering(input, 0, whole, text.finishReason(), Optional.empty())),
                CompletionResult.Usage.of(0, text.texts().size(), 0),
                provenance(pending));
    }

    private static String model(Pending pending) {
        return pending.request.field("model").asText();
    }

    private static Provenance provenance(Pending pending) {
        return Provenance.rejected(pending.source, BASE_MODEL, BASE_MODEL, 1);
    }

    private static long seconds() {
        return Instant.now().getEpochSecond();
    }

    /** The request ends with the finish reason {@code cancelled} and no text. */
    private CompletionStage<Void> cancel(OpenRequest handle) {
        Optional<Pending> pending;
        synchronized (this) {
            cancelled.add(handle.id());
            pending = Optional.ofNullable(open.get(handle.id()));
        }
        pending.ifPresent(each -> end(each, new CannedAnswer.TextAnswer(List.of(), "cancelled")));
        return CompletableFuture.completedStage(null);
    }

    /**
     * Each batch counts, unless its id was used for the adapter before: then the code is {@code duplicate_batch}, or
     * {@code batch_id_conflict} if the examples are others. A repeat is an example with the JSON of an earlier one of
     * the adapter.
     */
    @Override
    public synchronized CompletionStage<BatchOutcome> validate(RawValidationBatch batch) {
        batches.add(batch);
        Optional<List<JsonNode>> earlier =
                Optional.ofNullable(counted.computeIfAbsent(batch.adapter(), adapter -> new HashMap<>())
                        .putIfAbsent(batch.batchId(), batch.examples()));
        if (earlier.isPresent()) {
            return CompletableFuture.completedStage(rejected(batch, earlier.get()));
        }
        Set<String> seen = examples.computeIfAbsent(batch.adapter(), adapter -> new HashSet<>());
        int repeats = 0;
        for (JsonNode example : batch.examples()) {
            repeats += seen.add(example.toString()) ? 0 : 1;
        }
        return CompletableFuture.completedStage(
                new BatchOutcome.Counted(batch, Optional.of(new UncountedExamples(repeats, 0, 0))));
    }

    /** Rejects a batch whose id was counted, as a calibrator does. */
    private static BatchOutcome rejected(RawValidationBatch batch, List<JsonNode> earlier) {
        return batch.examples().equals(earlier)
                ? new BatchOutcome.Rejected(
                        batch, "duplicate_batch", "a batch with this id and these examples was counted before")
                : new BatchOutcome.Rejected(
                        batch,
                        "batch_id_conflict",
                        "a batch with this id and other examples was counted before; send this one with another id");
    }

    @Override
    public CompletionStage<BatchOutcome> validate(RawValidationBatch batch, Duration maxWait) {
        return validate(batch);
    }

    @Override
    public synchronized SortedMap<String, TableEntry> boundaries() {
        return new TreeMap<>(boundaries);
    }

    /** Writes a boundary record, as a calibrator does. */
    public synchronized void putBoundary(BoundaryRecord record) {
        TableEntry entry = new TableEntry.Present(record);
        boundaries.put(record.adapter(), entry);
        watches.forEach(watch -> watch.submit(new BoundaryChange(record.adapter(), entry)));
    }

    /** Unlike that of Kafka, it keeps up to 256 changes for a slow subscriber, and then the writer waits. */
    @Override
    public Flow.Publisher<BoundaryChange> watchBoundaries() {
        return this::watch;
    }

    private synchronized void watch(Flow.Subscriber<? super BoundaryChange> subscriber) {
        SubmissionPublisher<BoundaryChange> watch = new SubmissionPublisher<>(HERE, Flow.defaultBufferSize());
        watches.add(watch);
        watch.subscribe(subscriber);
        boundaries.forEach((adapter, entry) -> watch.submit(new BoundaryChange(adapter, entry)));
    }

    /** The requests that were submitted, in their order. */
    public synchronized List<GenerationRequest> requests() {
        return List.copyOf(requests);
    }

    /** The ids of the requests that were cancelled. */
    public synchronized List<String> cancelled() {
        return List.copyOf(cancelled);
    }

    /** The validation batches that were sent. */
    public synchronized List<RawValidationBatch> batches() {
        return List.copyOf(batches);
    }

    @Override
    public synchronized int openRequests() {
        return open.size();
    }

    /** Does not wait: open requests fail. */
    @Override
    public void close(Duration maxWait) {
        List<Pending> left;
        synchronized (this) {
            closed = true;
            left = List.copyOf(open.values());
            open.clear();
            watches.forEach(SubmissionPublisher::close);
        }
        left.forEach(pending -> pending.handle.fail(
                new ClientException.Closed(
                        "the client was closed while request '" + pending.handle.id() + "' was open"),
                () -> {}));
    }
}
