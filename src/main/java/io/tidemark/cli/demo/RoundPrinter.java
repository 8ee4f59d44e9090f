package io.tidemark.cli.demo;

import io.tidemark.cli.sending.ResultListener;
import io.tidemark.client.RequestResult;
import java.io.PrintWriter;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;

/**
 * Prints the text of concurrent requests one request after another: the first unfinished request is printed while it is
 * generated, and the text of the others is buffered.
 */
final class RoundPrinter implements ResultListener {

    private final PrintWriter out;
    private final Map<String, String> prompts;
    private final Deque<String> waiting;
    private final Map<String, StringBuilder> texts = new HashMap<>();
    private final Map<String, RequestResult> results = new HashMap<>();
    private int shown;

    RoundPrinter(PrintWriter out, Map<String, String> prompts) {
        this.out = out;
        this.prompts = prompts;
        this.waiting = new ArrayDeque<>(prompts.keySet());
        prompts.keySet().forEach(id -> texts.put(id, new StringBuilder()));
        begin();
    }

    @Override
    public void onText(String id, int choice, String chunk) {
        texts.get(id).append(chunk);
        advance();
    }

    @Override
    public void onRestart(String id) {
        texts.get(id).setLength(0);
        if (id.equals(waiting.peek())) {
            shown = 0;
            out.print(System.lineSeparator() + "  (again) ");
        }
    }

    @Override
    public void onResult(RequestResult result) {
        results.put(result.id(), result);
        if (result.error().isEmpty()) {
            texts.put(result.id(), new StringBuilder(result.text()));
        }
        advance();
    }

    private void begin() {
        if (!waiting.isEmpty()) {
            out.println("  " + prompts.get(waiting.peek()).strip().replace("\n", System.lineSeparator() + "  "));
            out.print("  >");
            out.flush();
            shown = 0;
        }
    }

    private void advance() {
        while (!waiting.isEmpty()) {
            String id = waiting.peek();
            String text = texts.get(id).toString();
            out.print(text.substring(Math.min(shown, text.length())));
            out.flush();
            shown = text.length();
            if (!results.containsKey(id)) {
                return;
            }
            end(results.get(id));
            waiting.remove();
            begin();
        }
    }

    private void end(RequestResult result) {
        out.println();
        out.println("  "
                + result.error()
                        .map(error -> "failed: " + error)
                        .orElseGet(() -> String.format(
                                "[%s, boundary %d of %d, %d tokens, %.2f s, %.0f tokens/s]",
                                result.adapter(),
                                result.boundary(),
                                result.numLayers(),
                                result.completionTokens(),
                                result.seconds(),
                                result.tokensPerSecond())));
        out.println();
        out.flush();
    }
}
