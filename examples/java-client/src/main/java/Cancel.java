import com.fasterxml.jackson.databind.node.BooleanNode;
import io.tidemark.client.GenerationRequest;
import io.tidemark.client.KafkaTidemarkClient;
import io.tidemark.client.OpenRequest;
import io.tidemark.client.RequestResult;
import io.tidemark.client.TidemarkClient;

/** Sends a long request and cancels it when its first text arrives. Arguments: broker and adapter. */
public final class Cancel {

    public static void main(String[] arguments) {
        try (TidemarkClient tidemark = KafkaTidemarkClient.connect(arguments[0])) {
            OpenRequest request = tidemark.submit(GenerationRequest.prompt(arguments[1], "Restaurant facts:")
                    .maxTokens(400)
                    .with("ignore_eos", BooleanNode.TRUE)
                    .streaming());
            // later calls have no effect
            RequestResult result = request.onEvents(event -> request.cancel())
                    .toCompletableFuture()
                    .join();
            System.out.println(result.finishReason() + " after " + result.completionTokens() + " of 400 tokens");
        }
    }
}
