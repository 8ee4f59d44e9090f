package io.tidemark.benchmark;

import io.tidemark.benchmark.GenerationBenchmark.Row;
import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.lora.LoraWeights;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;

/**
 * One line of the generation benchmark's table.
 *
 * @param rows         rows beside each other
 * @param adapters     how many adapters they share, row after row; 0 is the base model
 * @param layers       the boundary of all rows
 * @param promptTokens of each row
 * @param newTokens    of each row
 */
public record GenerationCase(int rows, int adapters, int layers, int promptTokens, int newTokens) {

    /** All combinations that make sense: no more adapters than rows, and the base model at one boundary only. */
    public static List<GenerationCase> of(
            List<Integer> rows, List<Integer> adapters, List<Integer> layers, int promptTokens, int newTokens) {
        List<GenerationCase> cases = new ArrayList<>();
        for (int row : rows) {
            for (int adapter : adapters) {
                if (adapter <= row) {
                    List<Integer> boundaries = adapter == 0 ? layers.subList(0, 1) : layers;
                    boundaries.forEach(
                            boundary -> cases.add(new GenerationCase(row, adapter, boundary, promptTokens, newTokens)));
                }
            }
        }
        return cases;
    }

    /** The rows, with prompts of random tokens, so that no two share a beginning. */
    public List<Row> rows(List<LoraWeights> loaded, int vocabulary, Random random) {
        List<Row> made = new ArrayList<>();
        for (int row = 0; row < rows; row++) {
            Optional<LoraWeights> lora = adapters == 0 ? Optional.empty() : Optional.of(loaded.get(row % adapters));
            made.add(new Row(random.ints(promptTokens, 0, vocabulary).boxed().toList(), lora, new Boundary(layers)));
        }
        return made;
    }
}
