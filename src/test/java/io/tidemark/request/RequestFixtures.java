package io.tidemark.request;

import io.tidemark.message.Provenance.Source;
import io.tidemark.time.VirtualTime;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;

/** Requests and threads without limits, for tests. */
public final class RequestFixtures {

    private static final Watchdog.Limits NO_LIMITS =
            new Watchdog.Limits(Duration.ofDays(1_000), Duration.ofDays(1_000));

    private RequestFixtures() {}

    /** The threads of a runner, without time limits. */
    public static RequestRunner.Threads threads(Executor admission, RequestRunner.Timer deadlines) {
        return new RequestRunner.Threads(admission, admission, deadlines, NO_LIMITS);
    }

    /** Runs tasks when the time of the test has come. */
    public static RequestRunner.Timer timer(VirtualTime time) {
        return (delay, task) -> {
            AtomicBoolean cancelled = new AtomicBoolean();
            time.schedule(delay, () -> {
                if (!cancelled.get()) {
                    task.run();
                }
            });
            return () -> cancelled.set(true);
        };
    }

    /** Formats whose compiler can't be opened. */
    public static AnswerFormats noFormats() {
        return AnswerFormats.of(() -> {
            throw new IllegalStateException("no formats in this test");
        });
    }

    /** A request whose topic is its tenant, without limits. */
    public static ReceivedRequest received(
            Source source,
            Optional<byte[]> value,
            long size,
            long timestamp,
            long attempt,
            long receivedNanos,
            ReplyTarget reply) {
        return new ReceivedRequest(
                source, value, size, timestamp, attempt, receivedNanos, reply, Tenant.unlimited(source.topic()));
    }
}
