package io.tidemark.tenant;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Members that share tokens")
class WeightedSharesTest {

    @Test
    @DisplayName("Get tokens by weight, whatever the size of their requests")
    void byWeight() {
        WeightedShares<Integer> shares = shares(3, 1, 1);
        int[] sizes = {100, 1000, 10};
        double[] used = new double[3];
        for (int i = 0; i < 20_000; i++) {
            int next = shares.next(member -> true).orElseThrow();
            shares.started(next, sizes[next]);
            used[next] += sizes[next];
        }
        assertThat(used[0]).isBetween(3 * used[2] - 3000, 3 * used[2] + 3000);
        assertThat(used[1]).isBetween(used[2] - 1000, used[2] + 1000);
    }

    @Test
    @DisplayName("Take turns if their requests have equal sizes")
    void turns() {
        WeightedShares<Integer> shares = shares(1, 1, 1);
        List<Integer> order = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            order.add(shares.next(member -> true).orElseThrow());
            shares.started(order.get(i), 50);
        }
        assertThat(order).containsExactly(0, 1, 2, 0, 1, 2);
    }

    @Test
    @DisplayName("Save nothing up while they have no requests")
    void savesNothing() {
        WeightedShares<Integer> shares = shares(1, 1);
        for (int i = 0; i < 1000; i++) {
            shares.started(0, 100);
        }
        int second = 0;
        for (int i = 0; i < 20; i++) {
            int next = shares.next(member -> true).orElseThrow();
            shares.started(next, 100);
            second += next;
        }
        assertThat(second).isBetween(10, 11);
    }

    @Test
    @DisplayName("Get back what their requests did not use, and no more than others have had meanwhile")
    void corrected() {
        WeightedShares<Integer> shares = shares(1, 1);
        shares.started(0, 1000);
        shares.started(1, 100);
        shares.corrected(0, -900);
        assertThat(next(shares, 100))
                .as("both have used 100, and 0 waits longer")
                .isZero();
        for (int i = 0; i < 100; i++) {
            shares.started(0, 1_000_000);
        }
        shares.corrected(0, -100 * 1_000_000);
        int first = 0;
        for (int i = 0; i < 20; i++) {
            first += 1 - next(shares, 100);
        }
        assertThat(first)
                .as("a refund of requests that ran alone delays nobody")
                .isBetween(9, 11);
    }

    @Test
    @DisplayName("Are not next if they can't start")
    void cannotStart() {
        WeightedShares<Integer> shares = shares(1, 1);
        assertThat(shares.next(member -> member == 1)).hasValue(1);
        assertThat(shares.next(member -> false)).isEmpty();
    }

    /** Of members 0, 1 and so on. */
    private static WeightedShares<Integer> shares(int... weights) {
        WeightedShares<Integer> shares = new WeightedShares<>();
        for (int member = 0; member < weights.length; member++) {
            shares.add(member, weights[member]);
        }
        return shares;
    }

    private static int next(WeightedShares<Integer> shares, int tokens) {
        int next = shares.next(member -> true).orElseThrow();
        shares.started(next, tokens);
        return next;
    }
}
