package io.tidemark.decoder;

import io.tidemark.decoder.lora.LoraWeights;
import java.util.ArrayList;
import java.util.List;

/** The runs of rows of a step that share an adapter with parts of its own beside the layers' linear modules. */
final class OwnRuns {

    private final List<OwnRun> runs = new ArrayList<>();
    private int wanted;

    /** Rows {@code [firstToken, endToken)}, and the places {@code [firstWanted, endWanted)} that they have among the wanted ones. */
    record OwnRun(int firstToken, int endToken, int firstWanted, int endWanted, LoraWeights weights) {}

    private OwnRuns() {}

    /** @param rows side by side, in the order of their tokens */
    static List<OwnRun> of(List<PlacedRow> rows) {
        OwnRuns found = new OwnRuns();
        rows.forEach(found::add);
        return found.runs;
    }

    private void add(PlacedRow placed) {
        int end = placed.firstToken() + placed.tokens();
        int endWanted = wanted + (placed.row().rule().isPresent() ? 1 : 0);
        placed.row().lora().filter(LoraWeights::hasOwnParts).ifPresent(weights -> {
            OwnRun last = runs.isEmpty() ? null : runs.get(runs.size() - 1);
            if (last != null && last.weights() == weights && last.endToken() == placed.firstToken()) {
                runs.set(runs.size() - 1, new OwnRun(last.firstToken(), end, last.firstWanted(), endWanted, weights));
            } else {
                runs.add(new OwnRun(placed.firstToken(), end, wanted, endWanted, weights));
            }
        });
        wanted = endWanted;
    }
}
