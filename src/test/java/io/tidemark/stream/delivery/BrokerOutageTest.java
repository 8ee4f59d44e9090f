package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.stream.delivery.LoopWorker.Setup;
import java.time.Duration;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("A worker whose broker does not respond")
@Timeout(90)
class BrokerOutageTest {

    @Test
    @DisplayName("Ends when it is stopped, with results that can't be written and while it opens its clients again")
    void ends() {
        try (LoopFixture fixture = new LoopFixture()) {
            LoopTopics topics = fixture.newCase(1);
            topics.send(0, 2);
            LoopWorker worker = topics.startWorker(new Setup());
            worker.awaitStarted(2);
            fixture.stopBroker();
            worker.finish("0@0");
            LoopWorker joining = topics.startWorker(new Setup());
            Awaitility.await()
                    .atMost(Duration.ofSeconds(30))
                    .until(() -> worker.status().disruption().isPresent());
            worker.control().stop();
            joining.control().stop();
            assertThat(worker.hasEnded()).isTrue();
            assertThat(joining.hasEnded()).isTrue();
        }
    }
}
