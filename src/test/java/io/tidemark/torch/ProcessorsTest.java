package io.tidemark.torch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("the processors of a process")
class ProcessorsTest {

    @TempDir
    private Path folder;

    @Test
    @DisplayName("are at least one and no more than the JVM may use")
    void available() {
        assertThat(Processors.available()).isBetween(1, Runtime.getRuntime().availableProcessors());
    }

    @Test
    @DisplayName("are the whole ones of its cgroup's quota, and one at least")
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
    @DisplayName("are those of the smallest quota above it, and of the root where its own folder is not there")
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
    @DisplayName("are read from the controller cpu in the first version of cgroups")
    void firstVersion() throws IOException {
        write("cgroup", "5:memory:/docker/a\n4:cpu,cpuacct:/docker/a\n");
        write("mount/cpu/cpu.cfs_quota_us", "400000\n");
        write("mount/cpu/cpu.cfs_period_us", "100000\n");
        assertThat(quota()).hasValue(4);
        write("mount/cpu/docker/a/cpu.cfs_quota_us", "-1\n");
        write("mount/cpu/docker/a/cpu.cfs_period_us", "100000\n");
        assertThat(quota()).as("no quota of its own, one above").hasValue(4);
        write("mount/cpu/cpu.cfs_quota_us", "-1\n");
        assertThat(quota()).isEmpty();
    }

    @Test
    @DisplayName("have no quota where cgroups can't be read or say nonsense")
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
