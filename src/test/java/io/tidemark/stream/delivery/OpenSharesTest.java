package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.delivery.reply.Delivery;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The shares of the heap of started requests")
class OpenSharesTest {

    private static final Delivery A = delivery("a", 0);
    private static final Delivery A_1 = delivery("a", 1);
    private static final Delivery B = delivery("b", 0);
    private static final Delivery C = delivery("c", 0);

    @Test
    @DisplayName("Let a request start only if it fits, or if none runs")
    void fits() {
        OpenShares open = new OpenShares(100, 1, 1);
        assertThat(open.fits(A, 1000)).isTrue();
        open.add(A, 99, true);
        assertThat(open.fits(A, 1)).isTrue();
        assertThat(open.fits(A, 2)).isFalse();
    }

    @Test
    @DisplayName("Are at most half for each of several tenants, of which each may start one request")
    void tenants() {
        OpenShares open = new OpenShares(100, 3, 1);
        open.add(A, 30, true);
        assertThat(open.fits(A, 20)).isTrue();
        assertThat(open.fits(A, 21)).isFalse();
        open.add(A, 20, true);
        assertThat(open.fits(B, 60)).isTrue();
        open.add(B, 45, true);
        assertThat(open.fits(B, 5)).isTrue();
        assertThat(open.fits(C, 1000)).isTrue();
        open.add(C, 20, true);
        assertThat(open.fits(B, 5)).as("all is used").isFalse();
        assertThat(open.bytes()).isEqualTo(115);
    }

    @Test
    @DisplayName("Are at most half for each of several partitions")
    void partitions() {
        OpenShares open = new OpenShares(100, 1, 2);
        open.add(A, 50, true);
        assertThat(open.partitionFits(A, 1)).isFalse();
        assertThat(open.partitionFits(A_1, 1000)).isTrue();
        assertThat(open.fits(A_1, 50)).isTrue();
    }

    @Test
    @DisplayName("Let no request start of a tenant whose unsent answers use its share")
    void answers() {
        OpenShares open = new OpenShares(100, 1, 1);
        open.add(A, 99, false);
        assertThat(open.fits(A, 1000)).isTrue();
        open.add(A, 1, false);
        assertThat(open.fits(A, 1)).isFalse();
    }

    private static Delivery delivery(String topic, int partition) {
        return Deliveries.delivery(Deliveries.progress(new TopicPartition(topic, partition)), 0);
    }
}
