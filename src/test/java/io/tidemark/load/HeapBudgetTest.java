package io.tidemark.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The shares of the heap")
class HeapBudgetTest {

    private static final long MIB = 1 << 20;
    private static final int MAX_RECORD = 4 << 20;

    @Test
    @DisplayName(
            "Of the image's 512 MiB have space for 16 partitions of the largest records, and leave half of the heap")
    void image() {
        HeapBudget budget = new HeapBudget(512 * MIB, MAX_RECORD);
        assertThat(budget.fetchedBytes(16) + budget.readBytes() + budget.openBytes())
                .isEqualTo(256 * MIB);
        assertThat(budget.maxPartitions()).isEqualTo(16);
        assertThat(budget.heapFor(16)).isEqualTo(512 * MIB);
        assertThat(budget.maxPollRecords()).isEqualTo(4);
        assertThat(budget.readBytes(16)).isEqualTo(4 * MIB);
    }

    @Test
    @DisplayName("Of 512 MiB have space for as many partitions with the serial collector, which reports 495 MiB")
    void serialCollector() {
        HeapBudget budget = new HeapBudget(518_979_584, MAX_RECORD);
        assertThat(budget.maxPartitions()).isEqualTo(16);
        assertThat(budget.maxPollRecords()).isEqualTo(4);
    }

    @Test
    @DisplayName("Of the smallest heap have space for one record in a poll")
    void smallest() {
        assertThat(new HeapBudget(HeapBudget.MIN_HEAP_BYTES, MAX_RECORD).maxPollRecords())
                .isEqualTo(1);
    }

    @Test
    @DisplayName("Are refused below the smallest heap, with the option to set")
    void tooSmall() {
        assertThatThrownBy(() -> new HeapBudget(64 * MIB, MAX_RECORD))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the heap of 64 MiB is too small for a worker; set -Xmx to 128m or more");
    }
}
