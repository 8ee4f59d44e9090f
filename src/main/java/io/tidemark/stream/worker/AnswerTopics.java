package io.tidemark.stream.worker;

import io.tidemark.stream.topics.TopicLayout;

/** Where answers go. */
public record AnswerTopics(String results, String events, String deadLetters) {

    public static AnswerTopics of(TopicLayout layout) {
        return new AnswerTopics(
                layout.results().name(),
                layout.events().name(),
                layout.deadLetters().name());
    }
}
