package io.tidemark.generation;

import io.tidemark.generation.layout.GroupWidth;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;

/** The width changes at random after a third of the turns, and a third of the changes that wait are withdrawn. */
final class RandomWidth implements GroupWidth {

    private final List<Integer> widths;
    private final Random random;
    private final AtomicInteger changes;
    private int width;

    /** @param changes counts those that are not withdrawn */
    RandomWidth(List<Integer> widths, Random random, AtomicInteger changes) {
        this.widths = widths;
        this.random = random;
        this.changes = changes;
        this.width = widths.get(widths.size() - 1);
    }

    @Override
    public int start() {
        return width;
    }

    @Override
    public int next(Turn turn) {
        if (random.nextInt(3) == 0) {
            int before = width;
            width = before == turn.width() ? widths.get(random.nextInt(widths.size())) : turn.width();
            changes.addAndGet((width == turn.width() ? 0 : 1) - (before == turn.width() ? 0 : 1));
        }
        return width;
    }
}
