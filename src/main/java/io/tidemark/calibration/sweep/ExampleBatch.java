package io.tidemark.calibration.sweep;

import io.tidemark.decoder.TeacherForcedBatch;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Examples of similar length that go through the layers together.
 *
 * @param indices the index of each example in the list that was given
 */
public record ExampleBatch(TeacherForcedBatch forced, List<Integer> indices) {

    /**
     * Divides examples into batches of at most {@code tokens} tokens each. A longer example is a batch of its own.
     *
     * @throws IllegalArgumentException if there is no example
     */
    public static List<ExampleBatch> of(List<TokenizedExample> examples, int tokens) {
        if (examples.isEmpty()) {
            throw new IllegalArgumentException("there is no example to score");
        }
        List<Integer> order = IntStream.range(0, examples.size())
                .boxed()
                .sorted(Comparator.comparingInt(i -> examples.get(i).tokens()))
                .toList();
        List<ExampleBatch> batches = new ArrayList<>();
        List<Integer> open = new ArrayList<>();
        int tokensOfOpen = 0;
        for (int index : order) {
            int more = examples.get(index).tokens();
            if (!open.isEmpty() && tokensOfOpen + more > tokens) {
                batches.add(batch(examples, open));
                open.clear();
                tokensOfOpen = 0;
            }
            open.add(index);
            tokensOfOpen += more;
        }
        batches.add(batch(examples, open));
        return batches;
    }

    private static ExampleBatch batch(List<TokenizedExample> examples, List<Integer> indices) {
        return new ExampleBatch(
                new TeacherForcedBatch(indices.stream()
                        .map(examples::get)
                        .map(e -> new TeacherForcedBatch.ForcedSequence(e.prompt(), e.completion()))
                        .toList()),
                List.copyOf(indices));
    }
}
