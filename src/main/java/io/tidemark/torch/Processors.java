package io.tidemark.torch;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;

/**
 * The number of processors that this process may use: those of its cpuset, limited to the quota of its cgroup, rounded
 * down. The JVM rounds a quota up, and computing threads that share a processor slow each other down. A number given
 * with {@code -XX:ActiveProcessorCount} is used unchanged.
 */
public final class Processors {

    private static final Path CGROUPS = Path.of("/sys/fs/cgroup");
    private static final Path OWN_CGROUP = Path.of("/proc/self/cgroup");

    private Processors() {}

    /** The number of processors, 1 or more. */
    public static int available() {
        int jvm = Runtime.getRuntime().availableProcessors();
        return isOverridden() ? jvm : Math.min(jvm, quota(OWN_CGROUP, CGROUPS).orElse(jvm));
    }

    /**
     * The smallest quota of the process's cgroup and its parents in whole processors; empty without a quota.
     *
     * @param ownCgroup {@code /proc/self/cgroup}, a line {@code number:controllers:path} for each hierarchy
     * @param mount     mount point of the cgroup v2 hierarchy, or of the folder with a hierarchy for each v1 controller
     */
    static OptionalInt quota(Path ownCgroup, Path mount) {
        try {
            return Files.readAllLines(ownCgroup).stream()
                    .map(line -> line.split(":", 3))
                    .filter(fields -> fields.length == 3)
                    .mapToInt(fields -> smallestQuota(fields[1], fields[2], mount))
                    .filter(processors -> processors > 0)
                    .min();
        } catch (IOException e) {
            return OptionalInt.empty();
        }
    }

    /** The smallest quota of a cgroup and its parents, in processors; 0 without a quota. */
    private static int smallestQuota(String controllers, String path, Path mount) {
        boolean v2 = controllers.isEmpty();
        if (!v2 && !Arrays.asList(controllers.split(",")).contains("cpu")) {
            return 0;
        }
        Path root = v2 ? mount : mount.resolve("cpu");
        int least = 0;
        // in a container the path may be that of the host, which does not exist; the root is the container's cgroup
        // then
        for (Path at = Path.of("/").relativize(Path.of(path).normalize()); at != null; at = at.getParent()) {
            least = smaller(least, quotaIn(root.resolve(at), v2));
        }
        return smaller(least, quotaIn(root, v2));
    }

    private static int smaller(int least, int quota) {
        return quota == 0 || least > 0 && least < quota ? least : quota;
    }

    private static int quotaIn(Path cgroup, boolean v2) {
        try {
            List<String> numbers = v2
                    ? List.of(Files.readString(cgroup.resolve("cpu.max")).trim().split(" "))
                    : List.of(
                            Files.readString(cgroup.resolve("cpu.cfs_quota_us")).trim(),
                            Files.readString(cgroup.resolve("cpu.cfs_period_us"))
                                    .trim());
            long quota = numbers.get(0).equals("max") ? -1 : Long.parseLong(numbers.get(0));
            return quota <= 0 ? 0 : (int) Math.max(1, quota / Long.parseLong(numbers.get(1)));
        } catch (IOException | RuntimeException e) {
            return 0;
        }
    }

    private static boolean isOverridden() {
        HotSpotDiagnosticMXBean jvm = ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
        return jvm != null
                && Integer.parseInt(jvm.getVMOption("ActiveProcessorCount").getValue()) > 0;
    }
}
