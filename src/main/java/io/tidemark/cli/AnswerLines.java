package io.tidemark.cli;

import io.tidemark.cli.client.Answer;
import io.tidemark.cli.client.AnswerListener;
import java.io.PrintWriter;

/** Each result as one line for people, in the order in which they come. */
final class AnswerLines implements AnswerListener {

    private final PrintWriter out;

    AnswerLines(PrintWriter out) {
        this.out = out;
    }

    @Override
    public void onText(String id, int choice, String piece) {
    }

    @Override
    public void onRestart(String id) {
    }

    @Override
    public void onAnswer(Answer answer) {
        String said = answer.error().map(error -> "FAILED " + error).orElseGet(() -> "%s, boundary %d of %d, %d tokens:%s".formatted(
                answer.adapter(), answer.boundary(), answer.numLayers(), answer.completionTokens(),
                answer.text().replace('\n', ' ')));
        out.println(answer.id() + "  " + said);
        out.flush();
    }
}
