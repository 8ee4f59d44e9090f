package io.tidemark.torch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("Available processors")
class ProcessorsTest {

    @TempDir
    private Path folder;

    @Test
    @DisplayName("The number is at least one and at most that of the JVM")
    void available() {
        assertThat(Processors.available()).isBetween(1, Runtime.getRuntime().availableProcessors());
    }

    @Test
    @DisplayName("The quota of the cgroup is rounded down, to one at least")
    void wholeProcessors() throws IOException {
        write("cgroup", "0::/pod/worker\n");
        assertThat(quota()).isEmpty();
        write("mount/pod/worker/cpu.max", "350000 100000\n");
        assertThat(quota()).hasValue(3);
        write("mount/pod/worker/cpu.max", "50000 100000\n");
        assertThat(quota()).hasValue(1);
        write("mount/pod/worker/cpu.max", "max 100000\n");
        assertThat(quota()).isEmpty();
    }

    @Test
    @DisplayName(
            "The smallest quota of the cgroup and its parents applies, or that of the root if the folder is missing")
    void smallest() throws IOException {
        write("cgroup", "0::/pod/worker\n");
        write("mount/pod/worker/cpu.max", "800000 100000\n");
        write("mount/pod/cpu.max", "250000 100000\n");
        write("mount/cpu.max", "600000 100000\n");
        assertThat(quota()).hasValue(2);
        write("cgroup", "0::/host/only\n");
        assertThat(quota()).hasValue(6);
    }

    @Test
    @DisplayName("In cgroup v1 the quota of the cpu controller applies")
    void cgroupV1() throws IOException {
        write("cgroup", "5:memory:/docker/a\n4:cpu,cpuacct:/docker/a\n");
        write("mount/cpu/cpu.cfs_quota_us", "400000\n");
        write("mount/cpu/cpu.cfs_period_us", "100000\n");
        assertThat(quota()).hasValue(4);
        write("mount/cpu/docker/a/cpu.cfs_quota_us", "-1\n");
        write("mount/cpu/docker/a/cpu.cfs_period_us", "100000\n");
        assertThat(quota()).as("no quota of the cgroup, one of its parent").hasValue(4);
        write("mount/cpu/cpu.cfs_quota_us", "-1\n");
        assertThat(quota()).isEmpty();
    }

    @Test
    @DisplayName("There is no quota if the cgroup files are missing or invalid")
    void unreadable() throws IOException {
        assertThat(quota()).isEmpty();
        write("cgroup", "nonsense\n0::/a\n");
        write("mount/a/cpu.max", "many\n");
        assertThat(quota()).isEmpty();
    }

    private OptionalInt quota() {
        return Processors.quota(folder.resolve("cgroup"), folder.resolve("mount"));
    }

    private void write(String file, String text) throws IOException {
        Path path = folder.resolve(file);
        Files.createDirectories(path.getParent());
        Files.writeString(path, text);
    }
}
