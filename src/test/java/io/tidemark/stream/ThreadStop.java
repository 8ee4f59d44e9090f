package io.tidemark.stream;

import com.sun.jdi.Bootstrap;
import com.sun.jdi.ObjectReference;
import com.sun.jdi.ThreadReference;
import com.sun.jdi.VirtualMachine;
import com.sun.jdi.connect.AttachingConnector;
import com.sun.jdi.connect.Connector;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.Map;
import org.awaitility.Awaitility;

/** Lets a thread of another JVM die of an error, as a debugger can. */
final class ThreadStop {

    private final int port;

    ThreadStop() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = socket.getLocalPort();
        }
    }

    /** What the other JVM has to be started with. */
    Map<String, String> environment() {
        return Map.of(
                "JAVA_TOOL_OPTIONS", "-agentlib:jdwp=transport=dt_socket,server=y,suspend=n,address=127.0.0.1:" + port);
    }

    /** Throws one of the OutOfMemoryErrors that every JVM has at hand. */
    void outOfMemory(String thread) throws Exception {
        VirtualMachine machine = attach();
        try {
            ThreadReference found = machine.allThreads().stream()
                    .filter(one -> one.name().equals(thread))
                    .findFirst()
                    .orElseThrow();
            ObjectReference error = machine.classesByName("java.lang.OutOfMemoryError")
                    .get(0)
                    .instances(1)
                    .get(0);
            Awaitility.await()
                    .pollDelay(Duration.ZERO)
                    .pollInterval(Duration.ofMillis(1))
                    .until(() -> stopInJava(found, error));
        } finally {
            machine.dispose();
        }
    }

    /** Only where the thread is not in native code: libtorch's bindings don't look whether an error has come up amid a call. */
    private static boolean stopInJava(ThreadReference thread, ObjectReference error) throws Exception {
        thread.suspend();
        try {
            boolean inJava = !thread.frame(0).location().method().isNative();
            if (inJava) {
                thread.stop(error);
            }
            return inJava;
        } finally {
            thread.resume();
        }
    }

    private VirtualMachine attach() throws Exception {
        AttachingConnector connector = Bootstrap.virtualMachineManager().attachingConnectors().stream()
                .filter(one -> one.name().equals("com.sun.jdi.SocketAttach"))
                .findFirst()
                .orElseThrow();
        Map<String, Connector.Argument> arguments = connector.defaultArguments();
        arguments.get("hostname").setValue("127.0.0.1");
        arguments.get("port").setValue(Integer.toString(port));
        return connector.attach(arguments);
    }
}
