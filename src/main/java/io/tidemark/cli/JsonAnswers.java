package io.tidemark.cli;

import io.tidemark.cli.client.Answer;
import io.tidemark.cli.client.AnswerListener;
import java.io.PrintWriter;

/** Each result as one line of JSON. */
final class JsonAnswers implements AnswerListener {

    private final PrintWriter out;

    JsonAnswers(PrintWriter out) {
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
        out.println(answer.json());
        out.flush();
    }
}
