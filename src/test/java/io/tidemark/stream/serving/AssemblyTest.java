package io.tidemark.stream.serving;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class AssemblyTest {

    @Test
    @DisplayName(
            "A process name contains the process id and is unique also among containers with equal host and process id")
    void unique() {
        String name = Assembly.uniqueProcessName();
        assertThat(name).contains("-" + ProcessHandle.current().pid() + "-").isNotEqualTo(Assembly.uniqueProcessName());
    }
}
