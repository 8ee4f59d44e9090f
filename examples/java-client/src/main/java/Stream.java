import io.tidemark.client.GenerationRequest;
import io.tidemark.client.KafkaTidemarkClient;
import io.tidemark.client.OpenRequest;
import io.tidemark.client.RequestEvent;
import io.tidemark.client.TidemarkClient;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;

/** Prints the text of a request while it is generated. Arguments: broker and adapter. */
public final class Stream {

    private static final String PROMPT =
            "Restaurant facts: name[The Eagle], eatType[coffee shop], food[English], area[riverside]\nDescription:";

    public static void main(String[] arguments) {
        try (TidemarkClient tidemark = KafkaTidemarkClient.connect(arguments[0])) {
            OpenRequest request = tidemark.submit(GenerationRequest.prompt(arguments[1], PROMPT)
                    .temperature(0)
                    .streaming());
            Printer printer = new Printer();
            request.events().subscribe(printer);
            printer.end.join();
        }
    }

    /** Takes one event at a time: while it prints, further text is joined to one event. */
    private static final class Printer implements Flow.Subscriber<RequestEvent> {

        private final CompletableFuture<Void> end = new CompletableFuture<>();
        private Flow.Subscription subscription;

        @Override
        public void onSubscribe(Flow.Subscription given) {
            subscription = given;
            subscription.request(1);
        }

        @Override
        public void onNext(RequestEvent event) {
            // another worker took the request over: the text so far is void
            System.out.print(event instanceof RequestEvent.Text text ? text.text() : "\n(begun again) ");
            subscription.request(1);
        }

        @Override
        public void onError(Throwable failure) {
            end.completeExceptionally(failure);
        }

        @Override
        public void onComplete() {
            System.out.println();
            end.complete(null);
        }
    }
}
