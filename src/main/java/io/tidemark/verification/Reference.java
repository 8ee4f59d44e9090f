package io.tidemark.verification;

import io.tidemark.boundary.Boundary;
import io.tidemark.text.ChatMessage;
import java.util.List;
import java.util.Map;

/** What transformers and PEFT computed with one adapter: the content of an {@code expected.json}. */
record Reference(List<Prompt> prompts, List<Pair> pairs, List<Conversation> conversations, Choices choices) {

    /**
     * @param greedy greedy continuation by boundary, an end-of-sequence token included
     * @param logits logits {@code [vocabulary]} after the prompt by boundary; empty when the reference has none
     */
    record Prompt(String text, List<Integer> ids, Map<Boundary, List<Integer>> greedy, Map<Boundary, float[]> logits) {}

    /** @param logprobs sum over the completion's tokens at boundaries 0 .. L */
    record Pair(String prompt, String completion, List<Integer> completionIds, List<Double> logprobs) {}

    /** @param rendered what the model's chat template made of messages and tools */
    record Conversation(List<ChatMessage> messages, List<Map<String, Object>> tools, String rendered) {}

    /** The boundary that each objective chooses. */
    record Choices(int quality, int balanced, int latency) {}
}
