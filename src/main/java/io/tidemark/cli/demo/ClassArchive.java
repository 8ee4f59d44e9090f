package io.tidemark.cli.demo;

import java.lang.management.ManagementFactory;
import java.util.Optional;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.jboss.logging.Logger;

/**
 * Writes the class data archive that the launcher has asked for with the property {@code io.tidemark.class-archive},
 * once for each build. A JVM that writes it at its end would end seconds after Ctrl-C. Writing takes some seconds, in
 * which all threads stand still.
 */
final class ClassArchive {

    private static final Logger LOG = Logger.getLogger(ClassArchive.class);

    private ClassArchive() {}

    /** Writes the archive, if the launcher has asked for one. A failure only makes the next start slower. */
    static void write() {
        Optional.ofNullable(System.getProperty("io.tidemark.class-archive")).ifPresent(ClassArchive::write);
    }

    private static void write(String file) {
        MBeanServer server = ManagementFactory.getPlatformMBeanServer();
        try {
            server.invoke(
                    new ObjectName("com.sun.management:type=DiagnosticCommand"),
                    "vmCds",
                    new Object[] {new String[] {"dynamic_dump", file}},
                    new String[] {String[].class.getName()});
        } catch (JMException | RuntimeException e) {
            LOG.debugf(e, "no class data archive is written to %s", file);
        }
    }
}
