package io.tidemark.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.SampleResults;
import io.tidemark.message.CompletionResult;
import io.tidemark.message.EventMessage;
import io.tidemark.message.Provenance.Source;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The text stream of a request")
class TextStreamTest {

    private final AtomicLong budget = new AtomicLong(100);
    private final TextStream stream = new TextStream(Runnable::run, budget);

    @Test
    @DisplayName("Publishes the texts in order, and the rest of the result's text before the end")
    void inOrder() {
        Collector seen = Collector.of(stream, Long.MAX_VALUE);
        event(1, 0, "one ");
        event(1, 1, "two ");
        stream.end(result("one two three"));
        assertThat(seen.seen()).containsExactly("one ", "two ", "three", "end");
        assertThat(budget).hasValue(100);
    }

    @Test
    @DisplayName("Joins texts that the subscriber has not requested")
    void joins() {
        Collector seen = Collector.of(stream, 1);
        event(1, 0, "a");
        event(1, 1, "b");
        event(1, 2, "c");
        assertThat(seen.seen()).containsExactly("a");
        seen.request(1);
        assertThat(seen.seen()).containsExactly("a", "bc");
        stream.end(result("abcd"));
        assertThat(seen.seen()).hasSize(2);
        seen.request(1);
        assertThat(seen.seen()).containsExactly("a", "bc", "d", "end");
    }

    @Test
    @DisplayName("Publishes no more events than are requested, although texts of several choices wait")
    void demand() {
        Collector seen = Collector.of(stream, 0);
        stream.onEvent(new EventMessage("r", 1, 0, 0, "a", Optional.empty()));
        stream.onEvent(new EventMessage("r", 1, 1, 0, "b", Optional.empty()));
        stream.onEvent(new EventMessage("r", 1, 2, 0, "c", Optional.empty()));
        assertThat(seen.seen()).isEmpty();
        seen.request(1);
        assertThat(seen.seen()).containsExactly("a");
        seen.request(1);
        assertThat(seen.seen()).containsExactly("a", "b");
        event(2, 0, "d");
        seen.request(1);
        assertThat(seen.seen()).containsExactly("a", "b", "restart");
        seen.request(1);
        assertThat(seen.seen()).containsExactly("a", "b", "restart", "d");
    }

    @Test
    @DisplayName("Calls a subscriber that requests the next event while it takes one again only after that")
    void demandWithinAnEvent() {
        List<String> calls = new ArrayList<>();
        Collector seen = new Collector() {
            @Override
            public void onNext(RequestEvent event) {
                super.onNext(event);
                calls.add("begin");
                request(1);
                calls.add("end");
            }
        };
        stream.subscribe(seen);
        stream.onEvent(new EventMessage("r", 1, 0, 0, "a", Optional.empty()));
        stream.onEvent(new EventMessage("r", 1, 1, 0, "b", Optional.empty()));
        seen.request(1);
        event(2, 0, "c");
        stream.end(result("cd"));
        assertThat(seen.seen()).containsExactly("a", "b", "restart", "c", "d", "end");
        assertThat(calls).hasSize(10).startsWith("begin", "end", "begin", "end");
    }

    @Test
    @DisplayName("Starts over at a larger attempt, and ignores events of a smaller one")
    void attempts() {
        Collector seen = Collector.of(stream, Long.MAX_VALUE);
        event(4, 0, "x");
        event(5, 0, "z");
        event(4, 1, "late");
        event(5, 1, "!");
        assertThat(seen.seen()).containsExactly("x", "restart", "z", "!");
    }

    @Test
    @DisplayName("Publishes no text behind a gap, and no text twice, until the result closes the gap")
    void gaps() {
        Collector seen = Collector.of(stream, Long.MAX_VALUE);
        event(1, 0, "a");
        event(1, 0, "a");
        event(1, 2, "c");
        event(1, 3, "d");
        assertThat(seen.seen()).containsExactly("a");
        stream.end(result("abcd"));
        assertThat(seen.seen()).containsExactly("a", "bcd", "end");
    }

    @Test
    @DisplayName("Starts over if the result has another text than its events")
    void otherText() {
        Collector seen = Collector.of(stream, Long.MAX_VALUE);
        event(1, 0, "ax");
        stream.end(result("abc"));
        assertThat(seen.seen()).containsExactly("ax", "restart", "abc", "end");
    }

    @Test
    @DisplayName("Keeps at most the bytes of the budget, and gives the rest with the result")
    void budget() {
        Collector seen = Collector.of(stream, 0);
        event(1, 0, "x".repeat(40));
        event(1, 1, "y".repeat(40));
        event(1, 2, "z");
        assertThat(budget).hasValue(20);
        seen.request(Long.MAX_VALUE);
        assertThat(seen.seen()).containsExactly("x".repeat(40));
        stream.end(result("x".repeat(40) + "y".repeat(40) + "z"));
        assertThat(seen.seen()).containsExactly("x".repeat(40), "y".repeat(40) + "z", "end");
        assertThat(budget).hasValue(100);
    }

    @Test
    @DisplayName("Has the whole text for a subscriber that comes late, and one subscriber only")
    void late() {
        event(1, 0, "a");
        stream.end(result("ab"));
        assertThat(Collector.of(stream, 9).seen()).containsExactly("ab", "end");
        assertThat(Collector.of(stream, 9).seen()).containsExactly("error one subscriber");
    }

    @Test
    @DisplayName("Ends with the failure of the request, after the text so far")
    void failure() {
        Collector seen = Collector.of(stream, 1);
        event(1, 0, "a");
        event(1, 1, "b");
        stream.fail(new IllegalStateException("one subscriber"));
        seen.request(1);
        assertThat(seen.seen()).containsExactly("a", "b", "error one subscriber");
    }

    @Test
    @DisplayName("Is cancelled by the subscriber, also by an exception, and keeps nothing")
    void cancelled() {
        Collector seen = Collector.of(stream, 1);
        event(1, 0, "a");
        event(1, 1, "b");
        seen.subscription.cancel();
        event(1, 2, "c");
        stream.end(result("abc"));
        assertThat(seen.seen()).containsExactly("a");
        assertThat(budget).hasValue(100);
    }

    @Test
    @DisplayName("Calls no subscriber that cancels when it subscribes, and survives one that fails at the end")
    void rudeSubscribers() {
        Collector cancels = new Collector() {
            @Override
            public void onSubscribe(Flow.Subscription given) {
                given.request(5);
                given.cancel();
            }
        };
        stream.subscribe(cancels);
        event(1, 0, "a");
        stream.end(result("ab"));
        assertThat(cancels.seen()).isEmpty();
        TextStream other = new TextStream(Runnable::run, budget);
        Collector fails = new Collector() {
            @Override
            public void onComplete() {
                super.onComplete();
                throw new IllegalStateException("a mistake of the program");
            }
        };
        other.subscribe(fails);
        fails.request(1);
        other.end(result("a"));
        assertThat(fails.seen()).containsExactly("a", "end");
    }

    @Test
    @DisplayName("An error of a subscriber cancels, is reported by the thread, and leaves the thread running")
    void error() {
        Thread thread = Thread.currentThread();
        List<Throwable> reported = new ArrayList<>();
        Collector fails = new Collector() {
            @Override
            public void onNext(RequestEvent event) {
                super.onNext(event);
                throw new LinkageError("a missing class of the program");
            }
        };
        stream.subscribe(fails);
        Thread.UncaughtExceptionHandler before = thread.getUncaughtExceptionHandler();
        thread.setUncaughtExceptionHandler((on, failure) -> reported.add(failure));
        try {
            fails.request(5);
            event(1, 0, "a");
            event(1, 1, "b");
            stream.end(result("abc"));
        } finally {
            thread.setUncaughtExceptionHandler(before);
        }
        assertThat(fails.seen()).containsExactly("a");
        assertThat(reported).singleElement().isInstanceOf(LinkageError.class);
        assertThat(budget).hasValue(100);
    }

    private void event(long attempt, long sequence, String text) {
        stream.onEvent(new EventMessage("r", attempt, 0, sequence, text, Optional.empty()));
    }

    private static CompletionResult result(String text) {
        return SampleResults.completion("r", "m", text, new Source("t", 0, 0));
    }

    /** Keeps what a stream publishes, as text. */
    static class Collector implements Flow.Subscriber<RequestEvent> {

        private final List<String> seen = new ArrayList<>();
        private Flow.Subscription subscription;

        static Collector of(Flow.Publisher<RequestEvent> stream, long demand) {
            Collector collector = new Collector();
            stream.subscribe(collector);
            if (demand > 0) {
                collector.request(demand);
            }
            return collector;
        }

        static Collector of(OpenRequest request) {
            return of(request.events(), Long.MAX_VALUE);
        }

        void request(long count) {
            subscription.request(count);
        }

        synchronized List<String> seen() {
            return List.copyOf(seen);
        }

        private synchronized void add(String event) {
            seen.add(event);
        }

        @Override
        public void onSubscribe(Flow.Subscription given) {
            subscription = given;
        }

        @Override
        public void onNext(RequestEvent event) {
            add(event instanceof RequestEvent.Text text ? text.text() : "restart");
        }

        @Override
        public void onError(Throwable failure) {
            add("error " + (failure.getMessage().contains("one subscriber") ? "one subscriber" : failure.getMessage()));
        }

        @Override
        public void onComplete() {
            add("end");
        }
    }
}
