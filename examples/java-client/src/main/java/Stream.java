import io.tidemark.client.GenerationRequest;
import io.tidemark.client.KafkaTidemarkClient;
import io.tidemark.client.OpenRequest;
import io.tidemark.client.RequestEvent;
import io.tidemark.client.TidemarkClient;

/** Prints the text of a request while it is generated. Arguments: broker and adapter. */
public final class Stream {

    private static final String PROMPT =
            "Restaurant facts: name[The Eagle], eatType[coffee shop], food[English], area[riverside]\nDescription:";

    public static void main(String[] arguments) {
        try (TidemarkClient tidemark = KafkaTidemarkClient.connect(arguments[0])) {
            OpenRequest request = tidemark.submit(GenerationRequest.prompt(arguments[1], PROMPT)
                    .temperature(0)
                    .streaming());
            try (java.util.stream.Stream<RequestEvent> events = request.eventStream()) {
                events.forEach(Stream::print);
            }
            System.out.println();
        }
    }

    private static void print(RequestEvent event) {
        // another worker took the request over: the text so far is void
        System.out.print(event instanceof RequestEvent.Text text ? text.text() : "\n(begun again) ");
    }
}
