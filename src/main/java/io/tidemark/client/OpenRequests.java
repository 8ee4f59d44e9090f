package io.tidemark.client;

import io.tidemark.message.EventMessage;
import io.tidemark.message.Provenance.Source;
import io.tidemark.message.ResultMessage;
import io.tidemark.message.TopicJson;
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

/**
 * The requests of a client that have no result yet, and the limits of their number and bytes. Results are matched by
 * {@code tidemark.source}, the position of the request's record; those of attached requests by id. Values that are no
 * results or events are ignored, since other producers may write to the topics.
 *
 * <p>Thread-safe. The threads of callers add requests, the producer's thread acknowledges them, and the client's thread
 * passes records. The result of a request can be read before the producer has its acknowledgement. Such results are
 * kept until the source of the request is known.
 */
final class OpenRequests {

    private static final long MAX_EARLY_BYTES = 16L << 20;

    /** More than eight threads of callbacks can hold, each with a result of 5 MiB. */
    private static final long MAX_WAITING_BYTES = 64L << 20;

    private final Topics topics;
    private final Limits limits;
    private final LongSupplier nanoTime;

    /** In the order of their deadlines. */
    private final Map<OpenRequest, State> open = new LinkedHashMap<>();

    /** By the ids that the service can use. */
    private final Map<String, OpenRequest> byId = new HashMap<>();

    private final Map<Source, OpenRequest> bySource = new HashMap<>();

    /** By the ids that the service derives for requests without a usable id. */
    private final Map<String, OpenRequest> byDerivedId = new HashMap<>();

    /** Results whose request may be one that is not acknowledged. */
    private final Map<Source, RequestResult> early = new HashMap<>();

    private long earlyBytes;
    private long unsentBytes;
    private int unsentWithoutId;

    /** Of results whose callbacks have not run. */
    private long waitingBytes;

    /** Open requests, and those whose callbacks run. */
    private int taken;

    /** Why no request is accepted. */
    private Optional<String> closed = Optional.empty();

    OpenRequests(Topics topics, Limits limits, LongSupplier nanoTime) {
        this.topics = topics;
        this.limits = limits;
        this.nanoTime = nanoTime;
    }

    /** @param usableId whether the service uses the id, so that events and cancellations name it */
    private record State(boolean usableId, int unsentBytes, long deadline, Optional<Source> source) {

        private State acknowledged(Source at) {
            return new State(usableId, 0, deadline, Optional.of(at));
        }
    }

    /**
     * Adds a request that is about to be sent; waits until it has a place.
     *
     * @return why it has none
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
        put(request, new State(usableId, bytes, deadline(), Optional.empty()));
        unsentBytes += bytes;
        unsentWithoutId += usableId ? 0 : 1;
        return Optional.empty();
    }

    /**
     * Adds requests that were sent before: all of them, or none.
     *
     * @param sources the records of requests that are matched by their record
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
            put(request, new State(true, 0, deadline(), source));
            source.ifPresent(known -> bySource.put(known, request));
        }
        return Optional.empty();
    }

    private long deadline() {
        return nanoTime.getAsLong() + Limits.nanos(limits.time());
    }

    private void put(OpenRequest request, State state) {
        open.put(request, state);
        if (state.usableId()) {
            byId.put(request.id(), request);
        }
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
        Optional<RequestResult> result;
        synchronized (this) {
            State state = open.get(request);
            if (state == null) {
                return;
            }
            result = Optional.ofNullable(early.remove(source));
            if (result.isPresent()) {
                earlyBytes -= bytes(result.get());
                remove(request);
            } else {
                sent(state);
                open.put(request, state.acknowledged(source));
                bySource.put(source, request);
                if (!state.usableId()) {
                    byDerivedId.put(source.derivedId(), request);
                }
            }
        }
        request.acknowledge(source);
        result.ifPresent(done -> complete(request, done));
    }

    private void sent(State state) {
        unsentBytes -= state.unsentBytes();
        if (state.unsentBytes() > 0 && !state.usableId()) {
            unsentWithoutId--;
        }
        if (unsentBytes == 0) {
            early.clear();
            earlyBytes = 0;
        }
        notifyAll();
    }

    /** Ends a request without a result; has no effect on a request that is not open. */
    void fail(OpenRequest request, ClientException cause) {
        boolean removed;
        synchronized (this) {
            removed = remove(request);
        }
        if (removed) {
            request.fail(cause, () -> release(0));
        }
    }

    /** @param key the key of the record, which is the id of the request */
    void onResult(String key, byte[] value) {
        if (!mayBeOpen(key)) {
            return;
        }
        ResultMessage message;
        try {
            message = TopicJson.read(value, ResultMessage.class);
        } catch (IllegalArgumentException e) {
            return;
        }
        OpenRequest request;
        synchronized (this) {
            request = find(message, value);
            if (request == null) {
                return;
            }
            remove(request);
        }
        complete(request, result(request.id(), message, value));
    }

    private synchronized boolean mayBeOpen(String key) {
        return key == null || byId.containsKey(key) || byDerivedId.containsKey(key) || unsentWithoutId > 0;
    }

    /** Null if the result belongs to no open request, or to one that is not acknowledged. */
    private OpenRequest find(ResultMessage message, byte[] value) {
        Source source = message.tidemark().source();
        OpenRequest known = bySource.get(source);
        if (known != null) {
            return known;
        }
        OpenRequest named = byId.get(message.id());
        if (named != null && named.isAttached()) {
            return named;
        }
        boolean maybe = named != null
                ? open.get(named).unsentBytes() > 0
                : unsentWithoutId > 0 && message.id().equals(source.derivedId());
        if (maybe && source.topic().equals(topics.requests())) {
            RequestResult result = result(named == null ? message.id() : named.id(), message, value);
            Optional.ofNullable(early.put(source, result)).ifPresent(same -> earlyBytes -= bytes(same));
            earlyBytes += bytes(result);
        }
        return null;
    }

    private static long bytes(RequestResult result) {
        return result.json().length();
    }

    private static RequestResult result(String id, ResultMessage message, byte[] value) {
        return new RequestResult(id, message, new String(value, StandardCharsets.UTF_8));
    }

    private void complete(OpenRequest request, RequestResult done) {
        RequestResult own =
                done.id().equals(request.id()) ? done : new RequestResult(request.id(), done.message(), done.json());
        synchronized (this) {
            waitingBytes += bytes(own);
        }
        request.complete(own, () -> release(bytes(own)));
    }

    /** @param key the key of the record, which is the id of the request */
    void onEvent(String key, byte[] value) {
        synchronized (this) {
            if (key != null && !byId.containsKey(key) && !byDerivedId.containsKey(key)) {
                return;
            }
        }
        EventMessage event;
        try {
            event = TopicJson.read(value, EventMessage.class);
        } catch (IllegalArgumentException e) {
            return;
        }
        OpenRequest request;
        synchronized (this) {
            OpenRequest named = byId.get(event.id());
            request = named == null ? byDerivedId.get(event.id()) : named;
        }
        if (request != null) {
            request.stream().onEvent(event);
        }
    }

    /**
     * Whether no more results may be read, because those that wait for an acknowledgement or for their callbacks have
     * too many bytes.
     */
    synchronized boolean holdsTooMuch() {
        return earlyBytes > MAX_EARLY_BYTES || waitingBytes > MAX_WAITING_BYTES;
    }

    /** Ends the requests that have been open for too long. */
    void expire() {
        List<OpenRequest> expired = new ArrayList<>();
        synchronized (this) {
            long now = nanoTime.getAsLong();
            for (Map.Entry<OpenRequest, State> each : open.entrySet()) {
                if (each.getValue().deadline() - now > 0) {
                    break;
                }
                expired.add(each.getKey());
            }
        }
        String time = "within " + limits.time().toSeconds() + " s";
        expired.forEach(request -> fail(
                request,
                new ClientException.TimedOut(
                        wasSent(request)
                                ? "request '" + request.id() + "' had no result " + time
                                        + "; is a worker running? The service answers it later: attach waits again,"
                                        + " and cancel() ends it"
                                : "request '" + request.id() + "' was not acknowledged by the broker " + time
                                        + "; it may have been sent: attach finds its result")));
    }

    /** Whether the broker has acknowledged an open request. */
    private synchronized boolean wasSent(OpenRequest request) {
        return Optional.ofNullable(open.get(request))
                .filter(state -> state.unsentBytes() == 0)
                .isPresent();
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
        List<OpenRequest> all;
        synchronized (this) {
            all = List.copyOf(open.keySet());
        }
        all.forEach(request -> fail(request, cause));
    }

    synchronized int size() {
        return open.size();
    }

    /** Accepts no more requests, waits until none is open, and ends the others. */
    void close(Duration maxWait) throws InterruptedException {
        try {
            awaitNone(maxWait);
        } finally {
            List<OpenRequest> left;
            synchronized (this) {
                left = List.copyOf(open.keySet());
            }
            left.forEach(request -> fail(
                    request,
                    new ClientException.Closed("the client was closed while request '" + request.id() + "' was open"
                            + (wasSent(request)
                                    ? "; the service answers it: attach waits again"
                                    : " and not acknowledged by the broker; it may not have been sent"))));
        }
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

    private boolean remove(OpenRequest request) {
        State state = open.remove(request);
        if (state == null) {
            return false;
        }
        byId.remove(request.id(), request);
        state.source().ifPresent(source -> {
            bySource.remove(source);
            byDerivedId.remove(source.derivedId());
        });
        sent(state);
        return true;
    }

    /** @param bytes of the result whose callbacks have run */
    private synchronized void release(long bytes) {
        waitingBytes -= bytes;
        taken--;
        notifyAll();
    }
}
