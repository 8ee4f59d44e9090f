package io.tidemark.client;

import io.tidemark.message.EventMessage;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.RequestMessage;
import io.tidemark.message.ResultMessage;
import io.tidemark.message.TopicJson;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;

/**
 * The requests of a client that have no result yet, and the limits of their number and bytes. Results and events are
 * matched by the header {@link RequestMessage#CORRELATION_HEADER}, which repeats that of the request. The records of
 * attached requests have a header that an earlier client chose, so these are matched by id. Values that are no results
 * or events are ignored, since other producers may write to the topics.
 *
 * <p>Thread-safe. The threads of callers add requests, the producer's thread acknowledges them, and the client's thread
 * passes records. The result of a request can be read before the producer has its acknowledgement.
 */
final class OpenRequests {

    /** How many bytes of results may wait for callbacks: more than eight threads can hold, 5 MiB each. */
    private static final long MAX_WAITING_BYTES = 64L << 20;

    private final Limits limits;
    private final LongSupplier nanoTime;

    /** The open requests by correlation, in the order of their deadlines. */
    private final Map<ByteBuffer, State> open = new LinkedHashMap<>();

    /** The open requests by the ids that the service uses. Attached requests are matched by these ids. */
    private final Map<String, OpenRequest> byId = new HashMap<>();

    private long unsentBytes;

    /** The bytes of the results whose callbacks have not run. */
    private long waitingBytes;

    /** How many requests count against the limit: open ones, and those whose callbacks run. */
    private int taken;

    /** Why no request is accepted. */
    private Optional<String> closed = Optional.empty();

    OpenRequests(Limits limits, LongSupplier nanoTime) {
        this.limits = limits;
        this.nanoTime = nanoTime;
    }

    /**
     * @param attached    whether the request is matched by its id
     * @param source      the record of an attached request, if it is known; other results with the id are ignored
     * @param unsentBytes 0 once the broker has acknowledged the record
     */
    private record State(
            OpenRequest request, boolean attached, Optional<Source> source, int unsentBytes, long deadline) {

        private boolean isSent() {
            return unsentBytes == 0;
        }

        private State sent() {
            return new State(request, attached, source, 0, deadline);
        }
    }

    /**
     * Adds a request that is about to be sent; waits until it has a place.
     *
     * @param usableId whether the service uses the id, so that cancellations name it
     * @return why it has no place
     */
    synchronized Optional<ClientException> add(OpenRequest request, boolean usableId, int bytes, Duration maxWait)
            throws InterruptedException {
        requireNew(request, usableId);
        long end = nanoTime.getAsLong() + Limits.nanos(maxWait);
        while (closed.isEmpty() && !hasPlace(bytes)) {
            long left = end - nanoTime.getAsLong();
            if (left <= 0) {
                return Optional.of(tooManyOpen(request, bytes));
            }
            TimeUnit.NANOSECONDS.timedWait(this, left);
            requireNew(request, usableId);
        }
        if (closed.isPresent()) {
            return Optional.of(
                    new ClientException.Closed("request '" + request.id() + "' was not sent: " + closed.get()));
        }
        put(new State(request, false, Optional.empty(), bytes, deadline()));
        if (usableId) {
            byId.put(request.id(), request);
        }
        unsentBytes += bytes;
        return Optional.empty();
    }

    /**
     * Adds requests that were sent before: all of them, or none.
     *
     * @param sources the records of the requests, as far as they are known
     * @return why none was added
     * @throws IllegalArgumentException if a request with one of the ids is open, or an id is there twice
     */
    synchronized Optional<ClientException> attach(List<OpenRequest> requests, Map<OpenRequest, Source> sources) {
        Set<String> ids = new HashSet<>();
        for (OpenRequest request : requests) {
            requireNew(request, true);
            if (!ids.add(request.id())) {
                throw new IllegalArgumentException("the id '" + request.id() + "' is attached twice; name it once");
            }
        }
        if (closed.isPresent()) {
            return Optional.of(
                    new ClientException.Closed(requests.size() + " requests were not attached: " + closed.get()));
        }
        if (taken + requests.size() > limits.openRequests()) {
            return Optional.of(new ClientException.TooManyOpen(
                    requests.size() + " requests were not attached: " + taken + " are open, and the limit is "
                            + limits.openRequests() + "; attach fewer at a time, or raise Limits.openRequests"));
        }
        for (OpenRequest request : requests) {
            Optional<Source> source = Optional.ofNullable(sources.get(request));
            put(new State(request, true, source, 0, deadline()));
            byId.put(request.id(), request);
            source.ifPresent(record -> byId.putIfAbsent(record.derivedId(), request));
        }
        return Optional.empty();
    }

    private long deadline() {
        return nanoTime.getAsLong() + Limits.nanos(limits.time());
    }

    private void put(State state) {
        open.put(state.request().correlation(), state);
        taken++;
    }

    private void requireNew(OpenRequest request, boolean usableId) {
        if (usableId && byId.containsKey(request.id())) {
            throw new IllegalArgumentException(
                    "a request with the id '" + request.id() + "' is open; wait for its result or use another id");
        }
    }

    /** A request that is larger than the limit is sent alone. */
    private boolean hasPlace(int bytes) {
        return taken < limits.openRequests() && (unsentBytes == 0 || unsentBytes + bytes <= limits.unsentBytes());
    }

    private ClientException tooManyOpen(OpenRequest request, int bytes) {
        String reached = taken >= limits.openRequests()
                ? taken + " requests are open, which is the limit"
                : unsentBytes + " bytes of requests wait for the broker, and with " + bytes + " more they exceed the"
                        + " limit of " + limits.unsentBytes();
        return new ClientException.TooManyOpen("request '" + request.id() + "' was not sent: " + reached
                + "; wait for results, or use submit(request, maxWait)");
    }

    /** The broker has acknowledged the record of a request. */
    void acknowledge(OpenRequest request, Source source) {
        synchronized (this) {
            State state = open.get(request.correlation());
            if (state == null) {
                return;
            }
            open.put(request.correlation(), state.sent());
            unsentBytes -= state.unsentBytes();
            notifyAll();
        }
        request.acknowledge(source);
    }

    /** Ends a request without a result; has no effect on a request that is not open. */
    void fail(OpenRequest request, ClientException cause) {
        if (remove(request)) {
            request.withdraw();
            request.fail(cause, () -> release(0));
        }
    }

    void onResult(ConsumerRecord<byte[], byte[]> record) {
        Optional<State> found = find(record);
        Optional<ResultMessage> message = found.flatMap(state -> read(record.value(), ResultMessage.class));
        if (message.isEmpty() || !isOf(found.get(), message.get())) {
            return;
        }
        OpenRequest request = found.get().request();
        RequestResult result =
                new RequestResult(request.id(), message.get(), new String(record.value(), StandardCharsets.UTF_8));
        long bytes = result.json().length();
        synchronized (this) {
            if (!remove(request)) {
                return;
            }
            waitingBytes += bytes;
        }
        request.complete(result, () -> release(bytes));
    }

    private static boolean isOf(State state, ResultMessage message) {
        return state.source().isEmpty()
                || state.source().get().equals(message.tidemark().source());
    }

    void onEvent(ConsumerRecord<byte[], byte[]> record) {
        Optional<State> found = find(record);
        Optional<EventMessage> event = found.flatMap(state -> read(record.value(), EventMessage.class));
        if (event.isPresent()) {
            found.get().request().stream().onEvent(event.get());
        }
    }

    /** The open request that a result or an event belongs to, without a look at its value. */
    private synchronized Optional<State> find(ConsumerRecord<byte[], byte[]> record) {
        Header correlation = record.headers().lastHeader(RequestMessage.CORRELATION_HEADER);
        State state = correlation == null || correlation.value() == null
                ? null
                : open.get(ByteBuffer.wrap(correlation.value()));
        if (state != null || record.key() == null) {
            return Optional.ofNullable(state);
        }
        return Optional.ofNullable(byId.get(new String(record.key(), StandardCharsets.UTF_8)))
                .map(named -> open.get(named.correlation()))
                .filter(State::attached);
    }

    /** Reads a value; empty if it has another form. */
    private static <T> Optional<T> read(byte[] value, Class<T> type) {
        try {
            return Optional.of(TopicJson.read(value, type));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    /** Whether no more results may be read, because those that wait for their callbacks have too many bytes. */
    synchronized boolean holdsTooMuch() {
        return waitingBytes > MAX_WAITING_BYTES;
    }

    /** Ends the requests that have been open for too long. {@link RecordSender} ends those that it has not sent. */
    void expire() {
        List<State> expired = new ArrayList<>();
        synchronized (this) {
            long now = nanoTime.getAsLong();
            for (State state : open.values()) {
                if (state.deadline() - now > 0) {
                    break;
                }
                expired.add(state);
            }
        }
        String time = "within " + limits.time().toSeconds() + " s";
        for (State state : expired) {
            if (state.request().isWaiting()) {
                continue;
            }
            String request = "request '" + state.request().id() + "' ";
            fail(
                    state.request(),
                    new ClientException.TimedOut(
                            state.isSent()
                                    ? request + "had no result " + time + "; is a worker running? The service answers"
                                            + " it later: attach waits again, and cancel() ends it"
                                    : request + "was not acknowledged by the broker " + time
                                            + "; it may have been sent: attach finds its result"));
        }
    }

    /** Ends all requests and accepts no more: nobody reads their results. */
    void end(String reason) {
        synchronized (this) {
            closed = closed.or(() -> Optional.of(reason));
            notifyAll();
        }
        failAll(new ClientException.Failed(reason));
    }

    /** Ends all requests, such as after the loss of a right. */
    void failAll(ClientException cause) {
        for (State state : all()) {
            fail(state.request(), cause);
        }
    }

    private synchronized List<State> all() {
        return List.copyOf(open.values());
    }

    synchronized int size() {
        return open.size();
    }

    /** Accepts no more requests, waits until none is open, and ends the others. */
    void close(Duration maxWait) throws InterruptedException {
        try {
            awaitNone(maxWait);
        } finally {
            for (State state : all()) {
                fail(
                        state.request(),
                        new ClientException.Closed("the client was closed while request '"
                                + state.request().id() + "' was open" + whatFollows(state)));
            }
        }
    }

    private static String whatFollows(State state) {
        if (state.isSent()) {
            return "; the service answers it: attach waits again";
        }
        return state.request().withdraw()
                ? "; it was not sent"
                : " and not acknowledged by the broker; it may not have been sent";
    }

    private synchronized void awaitNone(Duration maxWait) throws InterruptedException {
        closed = Optional.of("the client is closed");
        notifyAll();
        long nanos = Limits.nanos(maxWait);
        long end = nanoTime.getAsLong() + nanos;
        for (long left = nanos; taken > 0 && left > 0; left = end - nanoTime.getAsLong()) {
            TimeUnit.NANOSECONDS.timedWait(this, left);
        }
    }

    /** Returns false if the request is not open. */
    private synchronized boolean remove(OpenRequest request) {
        State state = open.remove(request.correlation());
        if (state == null) {
            return false;
        }
        byId.remove(request.id(), request);
        state.source().ifPresent(record -> byId.remove(record.derivedId(), request));
        unsentBytes -= state.unsentBytes();
        notifyAll();
        return true;
    }

    /** @param bytes size of the result, whose callbacks have run */
    private synchronized void release(long bytes) {
        waitingBytes -= bytes;
        taken--;
        notifyAll();
    }
}
