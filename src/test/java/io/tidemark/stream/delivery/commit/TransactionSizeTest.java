package io.tidemark.stream.delivery.commit;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The size of transactions")
class TransactionSizeTest {

    private final TransactionSize size = new TransactionSize();

    @Test
    @DisplayName("Is half of what has failed, also if that was below the limit")
    void failed() {
        assertThat(size.limit()).isEqualTo(TransactionSize.MAX_BYTES);
        size.failed(TransactionSize.MAX_BYTES);
        assertThat(size.limit()).isEqualTo(TransactionSize.MAX_BYTES / 2);
        size.failed(1 << 20);
        assertThat(size.limit()).isEqualTo(1 << 19);
        size.failed(20 << 20);
        assertThat(size.limit()).as("of a single large answer").isEqualTo(1 << 18);
    }

    @Test
    @DisplayName("Does not shrink to nothing")
    void least() {
        for (int i = 0; i < 30; i++) {
            size.failed(1);
        }
        assertThat(size.limit()).isEqualTo(64 << 10);
    }

    @Test
    @DisplayName("Doubles up to its maximum after commits that have used more than half of it")
    void committed() {
        size.failed(4 << 20);
        size.committed(1 << 20);
        assertThat(size.limit()).as("a small one shows nothing").isEqualTo(2 << 20);
        size.committed(2 << 20);
        assertThat(size.limit()).isEqualTo(4 << 20);
        for (int i = 0; i < 5; i++) {
            size.committed(16 << 20);
        }
        assertThat(size.limit()).isEqualTo(TransactionSize.MAX_BYTES);
    }
}
