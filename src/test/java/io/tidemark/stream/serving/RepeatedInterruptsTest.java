package io.tidemark.stream.serving;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("repeated interrupts")
class RepeatedInterruptsTest {

    @Test
    @DisplayName("end a thread on whose way others take the first interrupts for themselves")
    void areHeard() throws InterruptedException {
        Thread deaf = new Thread(
                () -> {
                    for (int taken = 0; taken < 3; taken++) {
                        takeOne();
                    }
                },
                "deaf-at-first");
        deaf.start();
        RepeatedInterrupts.end(deaf, Duration.ofMinutes(1));
        assertThat(deaf.isAlive()).isFalse();
    }

    @Test
    @DisplayName("leave a thread that hears none when the time is over")
    void areLimited() throws InterruptedException {
        CountDownLatch asserted = new CountDownLatch(1);
        Thread deaf = new Thread(
                () -> {
                    while (asserted.getCount() > 0) {
                        Thread.interrupted();
                    }
                },
                "deaf");
        deaf.start();
        RepeatedInterrupts.end(deaf, Duration.ofMillis(1));
        assertThat(deaf.isAlive()).isTrue();
        asserted.countDown();
        deaf.join();
    }

    private static void takeOne() {
        try {
            new CountDownLatch(1).await();
        } catch (InterruptedException e) {
            assertThat(Thread.currentThread().isInterrupted()).isFalse();
        }
    }
}
