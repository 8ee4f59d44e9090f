import com.fasterxml.jackson.databind.node.BooleanNode;
import io.tidemark.client.GenerationRequest;
import io.tidemark.client.KafkaTidemarkClient;
import io.tidemark.client.OpenRequest;
import io.tidemark.client.RequestEvent;
import io.tidemark.client.RequestResult;
import io.tidemark.client.TidemarkClient;
import java.util.concurrent.Flow;

/** Sends a long request and cancels it when its first text arrives. Arguments: broker and adapter. */
public final class Cancel {

    public static void main(String[] arguments) {
        try (TidemarkClient tidemark = KafkaTidemarkClient.connect(arguments[0])) {
            OpenRequest request = tidemark.submit(GenerationRequest.prompt(arguments[1], "Restaurant facts:")
                    .maxTokens(400)
                    .with("ignore_eos", BooleanNode.TRUE)
                    .streaming());
            request.events().subscribe(new FirstText(request::cancel));
            RequestResult result = request.result().toCompletableFuture().join();
            System.out.println(result.finishReason() + " after " + result.completionTokens() + " of 400 tokens");
        }
    }

    private record FirstText(Runnable action) implements Flow.Subscriber<RequestEvent> {

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            subscription.request(1);
        }

        @Override
        public void onNext(RequestEvent event) {
            action.run();
        }

        @Override
        public void onError(Throwable failure) {
            System.out.println(failure.getMessage());
        }

        @Override
        public void onComplete() {}
    }
}
