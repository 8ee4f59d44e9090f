package io.tidemark.benchmark;

import io.tidemark.benchmark.GenerationBenchmark.BenchmarkRow;
import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.lora.LoraWeights;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;

/**
 * One combination of batch size, adapters and boundary.
 *
 * @param rows         number of rows in the batch
 * @param adapters     number of adapters, assigned to rows in turn; 0 is the base model
 * @param layers       boundary of all rows
 * @param promptTokens prompt tokens of each row
 * @param newTokens    generated tokens of each row
 */
public record GenerationCase(int rows, int adapters, int layers, int promptTokens, int newTokens) {

    /** Returns all combinations, without those with more adapters than rows; the base model has one boundary only. */
    public static List<GenerationCase> of(
            List<Integer> rows, List<Integer> adapters, List<Integer> layers, int promptTokens, int newTokens) {
        List<GenerationCase> cases = new ArrayList<>();
        for (int count : rows) {
            for (int mixed : adapters) {
                if (mixed <= count) {
                    List<Integer> boundaries = mixed == 0 ? layers.subList(0, 1) : layers;
                    boundaries.forEach(
                            boundary -> cases.add(new GenerationCase(count, mixed, boundary, promptTokens, newTokens)));
                }
            }
        }
        return cases;
    }

    /** Returns the rows. Their prompts are random tokens, so that no two share a prefix. */
    public List<BenchmarkRow> rows(List<LoraWeights> loaded, int vocabulary, Random random) {
        List<BenchmarkRow> made = new ArrayList<>();
        for (int row = 0; row < rows; row++) {
            Optional<LoraWeights> lora = adapters == 0 ? Optional.empty() : Optional.of(loaded.get(row % adapters));
            made.add(new BenchmarkRow(
                    random.ints(promptTokens, 0, vocabulary).boxed().toList(), lora, new Boundary(layers)));
        }
        return made;
    }
}
