package io.tidemark.stream.serving;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class ServingLifecycleTest {

    @Test
    @DisplayName("a name shows the process id and is another one each time, as in containers with the same host and id")
    void unique() {
        String name = ServingLifecycle.uniqueProcessName();
        assertThat(name)
                .contains("-" + ProcessHandle.current().pid() + "-")
                .isNotEqualTo(ServingLifecycle.uniqueProcessName());
    }
}
