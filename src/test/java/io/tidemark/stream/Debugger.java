package io.tidemark.stream;

import com.sun.jdi.Bootstrap;
import com.sun.jdi.ObjectReference;
import com.sun.jdi.ReferenceType;
import com.sun.jdi.ThreadReference;
import com.sun.jdi.VMDisconnectedException;
import com.sun.jdi.VirtualMachine;
import com.sun.jdi.connect.AttachingConnector;
import com.sun.jdi.connect.Connector;
import com.sun.jdi.event.BreakpointEvent;
import com.sun.jdi.event.ClassPrepareEvent;
import com.sun.jdi.event.Event;
import com.sun.jdi.event.EventSet;
import com.sun.jdi.request.BreakpointRequest;
import com.sun.jdi.request.ClassPrepareRequest;
import com.sun.jdi.request.EventRequest;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;

/**
 * Controls a thread of another JVM through the Java Debug Interface: throws an error in it, or holds it at the
 * beginning of a method.
 */
final class Debugger implements AutoCloseable {

    private final int port;
    private final boolean suspended;
    private final CountDownLatch held = new CountDownLatch(1);
    private VirtualMachine machine;
    private String method;

    private Debugger(boolean suspended) throws IOException {
        this.suspended = suspended;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = socket.getLocalPort();
        }
    }

    /** The other JVM runs from the start. */
    static Debugger ofRunning() throws IOException {
        return new Debugger(false);
    }

    /** The other JVM loads its first class after {@link #holdAt}. */
    static Debugger ofSuspended() throws IOException {
        return new Debugger(true);
    }

    /** The environment variables of the other JVM. */
    Map<String, String> environment() {
        return Map.of(
                "JAVA_TOOL_OPTIONS",
                "-agentlib:jdwp=transport=dt_socket,server=y,suspend=" + (suspended ? "y" : "n") + ",address=127.0.0.1:"
                        + port);
    }

    /** Throws an OutOfMemoryError, of those that every JVM allocates at its start, in the thread of this name. */
    void throwOutOfMemory(String thread) throws Exception {
        attach();
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
            // the other JVM ends without a debugger
            close();
        }
    }

    /** Suspends the next thread that calls the method, before its first statement. */
    void holdAt(Class<?> type, String method) throws Exception {
        this.method = method;
        attach();
        ClassPrepareRequest prepared = machine.eventRequestManager().createClassPrepareRequest();
        prepared.addClassFilter(type.getName());
        prepared.setSuspendPolicy(EventRequest.SUSPEND_EVENT_THREAD);
        prepared.enable();
        machine.classesByName(type.getName()).forEach(this::breakIn);
        Thread events = new Thread(this::handleEvents, "debugger-events");
        events.setDaemon(true);
        events.start();
        if (suspended) {
            machine.resume();
        }
    }

    /** Whether a thread is held. */
    boolean isHeld() {
        return held.getCount() == 0;
    }

    /** Waits until a thread is held. */
    void awaitHeld() throws InterruptedException {
        if (!held.await(60, TimeUnit.SECONDS)) {
            throw new AssertionError("no thread has called " + method);
        }
    }

    /** Waits until the other JVM has a thread of this name. */
    void awaitThread(String name) {
        Awaitility.await("thread " + name)
                .atMost(Duration.ofSeconds(30))
                .pollInterval(Duration.ofMillis(10))
                .until(() -> machine.allThreads().stream()
                        .anyMatch(thread -> thread.name().equals(name)));
    }

    /** Detaches, and lets all threads run. */
    @Override
    public void close() {
        try {
            if (machine != null) {
                machine.eventRequestManager().deleteAllBreakpoints();
                machine.dispose();
            }
        } catch (VMDisconnectedException e) {
            // the other JVM has ended
        }
    }

    private void breakIn(ReferenceType type) {
        type.methodsByName(method).forEach(each -> {
            BreakpointRequest breakpoint = machine.eventRequestManager().createBreakpointRequest(each.location());
            breakpoint.setSuspendPolicy(EventRequest.SUSPEND_EVENT_THREAD);
            breakpoint.enable();
        });
    }

    private void handleEvents() {
        try {
            while (true) {
                EventSet events = machine.eventQueue().remove();
                boolean hold = false;
                for (Event event : events) {
                    if (event instanceof ClassPrepareEvent prepared) {
                        breakIn(prepared.referenceType());
                    } else if (event instanceof BreakpointEvent) {
                        hold = true;
                        held.countDown();
                    }
                }
                if (!hold) {
                    events.resume();
                }
            }
        } catch (InterruptedException | VMDisconnectedException e) {
            // detached
        }
    }

    /**
     * Only while the thread is not in native code: the bindings of libtorch do not check for an error during a call.
     * Not in a stage of a CompletableFuture either, which would keep the error as its result.
     */
    private static boolean stopInJava(ThreadReference thread, ObjectReference error) throws Exception {
        thread.suspend();
        try {
            boolean stops = !thread.frame(0).location().method().isNative()
                    && thread.frames().stream()
                            .noneMatch(frame -> frame.location()
                                    .declaringType()
                                    .name()
                                    .startsWith("java.util.concurrent.CompletableFuture"));
            if (stops) {
                thread.stop(error);
            }
            return stops;
        } finally {
            thread.resume();
        }
    }

    private void attach() throws Exception {
        AttachingConnector connector = Bootstrap.virtualMachineManager().attachingConnectors().stream()
                .filter(one -> one.name().equals("com.sun.jdi.SocketAttach"))
                .findFirst()
                .orElseThrow();
        Map<String, Connector.Argument> arguments = connector.defaultArguments();
        arguments.get("hostname").setValue("127.0.0.1");
        arguments.get("port").setValue(Integer.toString(port));
        machine = Awaitility.await("the debug port of the other JVM")
                .atMost(Duration.ofSeconds(30))
                .pollInterval(Duration.ofMillis(50))
                .ignoreExceptionsInstanceOf(ConnectException.class)
                .until(() -> connector.attach(arguments), found -> true);
    }
}
