import io.tidemark.client.ClientException;
import io.tidemark.client.GenerationRequest;
import io.tidemark.client.KafkaTidemarkClient;
import io.tidemark.client.OpenRequest;
import io.tidemark.client.RequestResult;
import io.tidemark.client.TidemarkClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionException;

/** Sends requests and waits for their results. Arguments: broker and adapter. */
public final class Generate {

    public static void main(String[] arguments) {
        try (TidemarkClient tidemark = KafkaTidemarkClient.connect(arguments[0])) {
            List<OpenRequest> open = new ArrayList<>();
            for (String name : List.of("The Eagle", "Cotto", "The Mill")) {
                open.add(tidemark.submit(request(arguments[1], name)));
            }
            for (OpenRequest each : open) {
                RequestResult result = each.result().toCompletableFuture().join();
                System.out.println(result.error().orElseGet(() -> result.text().strip()));
            }
            try { // an error of the service is a result of submit, and a failure of generate
                tidemark.generate(request("unknown", "Cotto")).toCompletableFuture().join();
            } catch (CompletionException e) {
                System.out.println("refused: " + ((ClientException.Refused) e.getCause()).code());
            }
        }
    }

    private static GenerationRequest request(String adapter, String name) {
        String prompt = "Restaurant facts: name[" + name + "], eatType[coffee shop], area[riverside]\nDescription:";
        return GenerationRequest.prompt(adapter, prompt)
                .maxTokens(48)
                .temperature(0)
                .timeout(Duration.ofSeconds(60)); // the service ends the request then, with the text so far
    }
}
