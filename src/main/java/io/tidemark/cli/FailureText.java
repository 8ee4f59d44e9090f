package io.tidemark.cli;

import java.io.PrintWriter;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import picocli.CommandLine;

/** What a user sees of a failure: one line on stderr, and the stack trace only on request. */
public final class FailureText {

    private FailureText() {}

    static void print(Exception failure, CommandLine command, boolean verbose) {
        PrintWriter err = command.getErr();
        err.println(command.getColorScheme().errorText("tidemark: " + oneLine(failure)));
        if (verbose) {
            failure.printStackTrace(err);
        } else if (unexpected(failure)) {
            err.println("(--verbose shows the stack trace)");
        }
        err.flush();
    }

    /** The most telling message in the chain of causes, on one line. */
    public static String oneLine(Throwable failure) {
        Throwable telling = failure;
        while (telling instanceof ExecutionException && telling.getCause() != null) {
            telling = telling.getCause();
        }
        return text(telling).replaceAll("\\s*\\R\\s*", " ");
    }

    /** As {@link #oneLine}, of the first cause: what wraps it says only that something failed. */
    static String ofFirstCause(Throwable failure) {
        Throwable first = failure;
        while (first.getCause() != null) {
            first = first.getCause();
        }
        return oneLine(first);
    }

    private static String text(Throwable failure) {
        if (failure instanceof NoSuchFileException missing) {
            return "there is no file or folder " + missing.getFile();
        }
        if (failure instanceof AccessDeniedException denied) {
            return "no permission to read or write " + denied.getFile();
        }
        String message = Optional.ofNullable(failure.getMessage()).orElse("no message");
        return ours(failure) ? message : failure.getClass().getSimpleName() + ": " + message;
    }

    private static boolean unexpected(Throwable failure) {
        return !ours(failure) && !(failure instanceof java.nio.file.FileSystemException);
    }

    /** Our own exceptions are written for the reader; others need at least their name. */
    private static boolean ours(Throwable failure) {
        return failure.getClass().getName().startsWith("io.tidemark.");
    }
}
