package io.tidemark.cli.demo;

/** How to reach a running demo from outside. */
final class KeepText {

    private KeepText() {
    }

    static String of(String broker, String adapter, String prompt) {
        String json = "{\"id\": \"mine-1\", \"model\": \"" + adapter + "\", \"prompt\": \"" + prompt.replace("\"", "\\\"").replace("\n", "\\n")
                + "\", \"max_tokens\": 64, \"temperature\": 0}";
        return """
                Send a request with Tidemark's own client:
                  bin/tidemark send --broker %1$s --adapter %2$s --max-tokens 64 --temperature 0 --prompt '%3$s'
                or with any Kafka client: produce this value to 'generation-requests', read 'generation-results':
                  %4$s
                for instance with kcat:
                  echo '%4$s' | kcat -P -b %1$s -t generation-requests
                  kcat -C -b %1$s -t generation-results -o end
                See and set boundaries:
                  bin/tidemark boundaries list --broker %1$s
                """.formatted(broker, adapter, prompt.replace("\n", "\\n"), json);
    }
}
