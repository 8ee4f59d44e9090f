package io.tidemark.request;

import io.tidemark.message.Provenance.Source;
import io.tidemark.message.RequestEstimate;
import io.tidemark.message.RequestHead;
import io.tidemark.tenant.TenantTurns;
import io.tidemark.tenant.TenantWeights;
import io.tidemark.time.VirtualTime;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;

/** Requests and threads without limits, for tests. */
public final class RequestFixtures {

    private static final Watchdog.TimeLimits NO_LIMITS =
            new Watchdog.TimeLimits(Duration.ofDays(1_000), Duration.ofDays(1_000));

    private RequestFixtures() {}

    /** The threads of a runner, without time limits. */
    public static RequestRunner.RequestThreads threads(Executor admission, RequestRunner.Timer deadlines) {
        return threads(admission, admission, deadlines, NO_LIMITS);
    }

    /** The threads of a runner for tenants of equal weight. */
    public static RequestRunner.RequestThreads threads(
            Executor admission, Executor formats, RequestRunner.Timer deadlines, Watchdog.TimeLimits limits) {
        return new RequestRunner.RequestThreads(
                new TenantTurns(admission, 2, TenantWeights.EQUAL),
                new TenantTurns(formats, 2, TenantWeights.EQUAL),
                deadlines,
                limits);
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
                source,
                value,
                size,
                value.map(bytes -> RequestEstimate.of(bytes, 1).head()).orElse(RequestHead.EMPTY),
                timestamp,
                attempt,
                receivedNanos,
                reply,
                Tenant.unlimited(source.topic()));
    }
}
