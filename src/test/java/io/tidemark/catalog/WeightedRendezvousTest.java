package io.tidemark.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.message.AdapterRecord.Target;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Weighted rendezvous")
class WeightedRendezvousTest {

    private static final int KEYS = 10_000;

    @Test
    @DisplayName("A target gets its share of the keys within four standard deviations")
    void shares() {
        Map<String, Long> counts = counts(chosen(targets(90, 10)));
        // sd = sqrt(10,000 * 0.9 * 0.1) = 30
        assertThat(counts.get("v1")).isBetween(8_880L, 9_120L);
        assertThat(counts.get("v1") + counts.get("v2")).isEqualTo(KEYS);
    }

    @Test
    @DisplayName(
            "From 90/10 to 50/50 no key of the second target moves, and from 25/25/50 to 40/40/20 only those of the"
                    + " third")
    void movesToGrownTargetsOnly() {
        assertThat(moves(targets(90, 10), targets(50, 50))).containsOnlyKeys("v1>v2");
        assertThat(moves(targets(25, 25, 50), targets(40, 40, 20))).containsOnlyKeys("v3>v1", "v3>v2");
        assertThat(moves(targets(1, 1), targets(7, 7))).isEmpty();
    }

    @Test
    @DisplayName("A target of weight 0 gets no key, and its keys are those of the others without it")
    void withoutWeight() {
        assertThat(chosen(targets(30, 0, 70)))
                .isEqualTo(chosen(List.of(new Target("v1", 30), new Target("v3", 70))))
                .doesNotContain("v2");
    }

    @Test
    @DisplayName("Aliases choose independently, and the order of the targets has no effect")
    void dependsOnTheAlias() {
        List<Target> targets = targets(50, 50);
        assertThat(chosen(targets)).isEqualTo(chosen(List.of(targets.get(1), targets.get(0))));
        long equal = IntStream.range(0, KEYS)
                .filter(key -> WeightedRendezvous.choose("one", targets, "r" + key)
                        .equals(WeightedRendezvous.choose("other", targets, "r" + key)))
                .count();
        assertThat(equal).isBetween(4_800L, 5_200L);
    }

    /** Computed with Python: the first 53 bits of hashlib.sha256, and math.log. */
    @Test
    @DisplayName("The choice is the documented formula, so that another program can compute it")
    void formula() {
        List<Target> targets = targets(1, 2, 3, 4);
        List<String> choices = IntStream.range(0, 12)
                .mapToObj(key -> WeightedRendezvous.choose("extract", targets, "request-" + key))
                .toList();
        assertThat(String.join(" ", choices)).isEqualTo("v3 v4 v3 v4 v4 v3 v1 v4 v1 v1 v3 v3");
    }

    private static List<Target> targets(double... weights) {
        return IntStream.range(0, weights.length)
                .mapToObj(i -> new Target("v" + (i + 1), weights[i]))
                .toList();
    }

    private static List<String> chosen(List<Target> targets) {
        return IntStream.range(0, KEYS)
                .mapToObj(key -> WeightedRendezvous.choose("alias", targets, "r" + key))
                .toList();
    }

    private static Map<String, Long> counts(List<String> values) {
        return values.stream().collect(Collectors.groupingBy(Function.identity(), Collectors.counting()));
    }

    private static Map<String, Long> moves(List<Target> before, List<Target> after) {
        List<String> from = chosen(before);
        List<String> to = chosen(after);
        return counts(IntStream.range(0, KEYS)
                .filter(key -> !from.get(key).equals(to.get(key)))
                .mapToObj(key -> from.get(key) + ">" + to.get(key))
                .toList());
    }
}
