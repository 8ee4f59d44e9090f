package io.tidemark.calibration;

import io.tidemark.decoder.ForcedBatch;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Examples of similar length that go through the layers together.
 *
 * @param places where each example stood in the list that was asked for
 */
public record ExampleBatch(ForcedBatch forced, List<Integer> places) {

    /** Cuts examples into batches of at most {@code tokens} tokens each, padding included, but at least one example. */
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
        for (int place : order) {
            // Examples come by rising length, so the newest sets the padded length.
            if (!open.isEmpty() && (open.size() + 1) * examples.get(place).tokens() > tokens) {
                batches.add(batch(examples, open));
                open.clear();
            }
            open.add(place);
        }
        batches.add(batch(examples, open));
        return batches;
    }

    private static ExampleBatch batch(List<TokenizedExample> examples, List<Integer> places) {
        return new ExampleBatch(
                new ForcedBatch(places.stream()
                        .map(examples::get)
                        .map(e -> new ForcedBatch.Sequence(e.prompt(), e.completion()))
                        .toList()),
                List.copyOf(places));
    }
}
