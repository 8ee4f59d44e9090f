package io.tidemark.cli;

import io.tidemark.client.Answer;
import io.tidemark.client.AnswerListener;
import java.io.PrintWriter;
import java.util.Optional;

/** One request's text on stdout as it comes, and what it took on stderr. */
final class StreamedAnswer implements AnswerListener {

    private final PrintWriter out;
    private final PrintWriter err;
    private final StringBuilder shown = new StringBuilder();

    StreamedAnswer(PrintWriter out, PrintWriter err) {
        this.out = out;
        this.err = err;
    }

    @Override
    public void onText(String id, int choice, String piece) {
        if (choice == 0) {
            show(piece);
        }
    }

    @Override
    public void onRestart(String id) {
        shown.setLength(0);
        out.println();
        err.println("(another worker starts again)");
    }

    @Override
    public void onAnswer(Answer answer) {
        Optional<String> error = answer.error();
        if (error.isEmpty() && answer.text().startsWith(shown.toString())) {
            show(answer.text().substring(shown.length())); // events and results are two topics: either may lag
        }
        out.println();
        out.flush();
        err.println(error.orElseGet(() -> "%s, boundary %d of %d, %d tokens, %.0f tokens/s, %s"
                .formatted(
                        answer.adapter(),
                        answer.boundary(),
                        answer.numLayers(),
                        answer.completionTokens(),
                        answer.tokensPerSecond(),
                        answer.finishReason())));
        err.flush();
    }

    private void show(String piece) {
        shown.append(piece);
        out.print(piece);
        out.flush();
    }
}
