package io.tidemark.cli.demo;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;

/** How to reach a running demo from outside. */
final class KeepText {

    private KeepText() {}

    static String of(String broker, String adapter, String prompt) {
        String request = JsonNodeFactory.instance
                .objectNode()
                .put("id", "mine-1")
                .put("model", adapter)
                .put("prompt", prompt)
                .put("max_tokens", 64)
                .put("temperature", 0)
                .toString();
        return """
                Send a request with Tidemark's own client:
                  bin/tidemark send --broker %1$s --adapter %2$s --max-tokens 64 --temperature 0 --prompt %3$s
                or with any Kafka client: put this value on 'generation-requests' and read 'generation-results':
                  %4$s
                for instance with kcat:
                  echo %5$s | kcat -P -b %1$s -t generation-requests
                  kcat -C -b %1$s -t generation-results -e
                See and set boundaries:
                  bin/tidemark boundaries list --broker %1$s
                """.formatted(broker, adapter, quoted(prompt.replace("\n", "\\n")), request, quoted(request));
    }

    /** One word for a POSIX shell. */
    private static String quoted(String text) {
        return "'" + text.replace("'", "'\\''") + "'";
    }
}
