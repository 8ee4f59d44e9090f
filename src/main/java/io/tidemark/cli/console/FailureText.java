package io.tidemark.cli.console;

import com.fasterxml.jackson.core.JacksonException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.regex.Pattern;
import picocli.CommandLine;

/** Formats a failure: one line on stderr, and the stack trace with {@code --verbose}. */
public final class FailureText {

    /** What Linux says when a folder is read or written as a file. */
    private static final Pattern IS_FOLDER = Pattern.compile("(.*: )?Is a directory");

    private FailureText() {}

    /** Prints a failure to the stderr of the command. */
    public static void print(Exception failure, CommandLine command, boolean verbose) {
        PrintWriter err = command.getErr();
        String program = command.getCommandSpec().root().name();
        err.println(command.getColorScheme().errorText(program + ": " + oneLine(failure)));
        if (verbose) {
            failure.printStackTrace(err);
        } else if (isUnexpected(failure)) {
            err.println("(--verbose shows the stack trace)");
        }
        err.flush();
    }

    /** The message of a failure on one line, without enclosing {@link ExecutionException}s. */
    public static String oneLine(Throwable failure) {
        Throwable cause = failure;
        while (cause instanceof ExecutionException && cause.getCause() != null) {
            cause = cause.getCause();
        }
        return text(cause).replaceAll("\\s*\\R\\s*", " ");
    }

    /** What Jackson says of a text, without where an object begins; the text is one line. */
    public static String ofJson(JacksonException failure) {
        return failure.getOriginalMessage().replaceFirst("(?s) \\(start marker at .*", "");
    }

    /** The root cause in one line, see {@link #oneLine}. */
    public static String ofRootCause(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return oneLine(root);
    }

    private static String text(Throwable failure) {
        if (failure instanceof NoSuchFileException missing) {
            return "there is no file or folder " + missing.getFile();
        }
        if (failure instanceof AccessDeniedException denied) {
            return "no permission to read or write " + denied.getFile();
        }
        if (failure instanceof FileAlreadyExistsException existing) {
            return existing.getFile() + " is a file, not a folder";
        }
        if (failure instanceof IOException
                && IS_FOLDER.matcher(String.valueOf(failure.getMessage())).matches()) {
            return "it is a folder, not a file";
        }
        String message = Optional.ofNullable(failure.getMessage()).orElse("no message");
        return isOwn(failure) ? message : failure.getClass().getSimpleName() + ": " + message;
    }

    private static boolean isUnexpected(Throwable failure) {
        return !isOwn(failure) && !(failure instanceof java.nio.file.FileSystemException);
    }

    /** Messages of this project's exceptions are complete; those of others need the class name. */
    private static boolean isOwn(Throwable failure) {
        return failure.getClass().getName().startsWith("io.tidemark.");
    }
}
