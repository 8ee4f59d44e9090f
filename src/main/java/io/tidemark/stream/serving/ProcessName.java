package io.tidemark.stream.serving;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.UUID;

/** A name that no other process has: two that shared one would fence each other's transactions. */
final class ProcessName {

    private static final int RANDOM_CHARACTERS = 6;

    private ProcessName() {}

    /** For people the host and the process id; in containers every process may be number 1, so something random too. */
    static String unique() {
        return host() + "-" + ProcessHandle.current().pid() + "-"
                + UUID.randomUUID().toString().substring(0, RANDOM_CHARACTERS);
    }

    private static String host() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "tidemark";
        }
    }
}
