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
 * How many processors this process may use: those that it may run on (its cpuset), and no more than the whole processors of its
 * cgroup's quota. The JVM rounds a quota up, and computing threads that share a processor slow each other down. A number given
 * with {@code -XX:ActiveProcessorCount} is taken as it is.
 */
public final class Processors {

    private static final Path CGROUPS = Path.of("/sys/fs/cgroup");
    private static final Path OWN_CGROUP = Path.of("/proc/self/cgroup");

    private Processors() {}

    /** 1 or more. */
    public static int available() {
        int jvm = Runtime.getRuntime().availableProcessors();
        return isGiven() ? jvm : Math.min(jvm, quota(OWN_CGROUP, CGROUPS).orElse(jvm));
    }

    /**
     * The whole processors of the smallest quota from a process's cgroup up to the root; empty without a quota.
     *
     * @param ownCgroup {@code /proc/self/cgroup}, a line {@code number:controllers:path} for each hierarchy
     * @param mount     where the hierarchies are mounted: cgroup v2 itself, or a folder for each controller of v1
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

    /** 0 where there is none. */
    private static int smallestQuota(String controllers, String path, Path mount) {
        boolean second = controllers.isEmpty();
        if (!second && !Arrays.asList(controllers.split(",")).contains("cpu")) {
            return 0;
        }
        Path root = second ? mount : mount.resolve("cpu");
        int least = 0;
        // In a container the path may be the host's, which is not there; its own cgroup is the root then.
        for (Path at = Path.of("/").relativize(Path.of(path).normalize()); at != null; at = at.getParent()) {
            least = smaller(least, quotaIn(root.resolve(at), second));
        }
        return smaller(least, quotaIn(root, second));
    }

    private static int smaller(int least, int quota) {
        return quota == 0 || least > 0 && least < quota ? least : quota;
    }

    private static int quotaIn(Path cgroup, boolean second) {
        try {
            List<String> numbers = second
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

    private static boolean isGiven() {
        HotSpotDiagnosticMXBean jvm = ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
        return jvm != null
                && Integer.parseInt(jvm.getVMOption("ActiveProcessorCount").getValue()) > 0;
    }
}
