package io.tidemark.generation.layout;

import java.util.List;
import java.util.stream.IntStream;

/**
 * Consecutive engine instances whose turns run on one thread, that of the first instance. Their rows form one step.
 *
 * @param first index of the first instance
 * @param end   index after the last instance
 */
public record InstanceGroup(int first, int end) {

    /** The group of an instance, if each group has {@code width} instances; the last group may have fewer. */
    public static InstanceGroup of(int instance, int width, int instances) {
        int first = instance - instance % width;
        return new InstanceGroup(first, Math.min(first + width, instances));
    }

    /** All groups of this width. */
    static List<InstanceGroup> all(int width, int instances) {
        return IntStream.range(0, instances)
                .filter(instance -> instance % width == 0)
                .mapToObj(instance -> of(instance, width, instances))
                .toList();
    }

    public int size() {
        return end - first;
    }
}
