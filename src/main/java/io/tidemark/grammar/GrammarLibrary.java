package io.tidemark.grammar;

import com.sun.jna.Library;
import com.sun.jna.ptr.LongByReference;
import io.tidemark.library.LibraryResource;
import java.io.IOException;
import java.lang.ref.Cleaner;
import java.nio.IntBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** The native library of answer formats. */
final class GrammarLibrary {

    /** The version of the functions below, which the library gives. */
    private static final int VERSION = 3;

    private static final LibraryResource LIBRARY = new LibraryResource("libtidemark_grammar.so");

    /** Frees the native memory of objects that are not referenced any more. */
    static final Cleaner CLEANER = Cleaner.create(action -> {
        Thread thread = new Thread(action, "tidemark-grammar-cleaner");
        thread.setDaemon(true);
        return thread;
    });

    private GrammarLibrary() {}

    /** The functions; pointers are {@code long}s, results codes of {@code failure.rs} with a message. */
    interface Functions extends Library {

        int tidemark_grammar_version();

        int tidemark_tokenizer_new(
                int count,
                int[] lengths,
                byte[] bytes,
                int bytesLength,
                int[] firstLengths,
                byte[] firstBytes,
                int firstBytesLength,
                int endCount,
                int[] ends,
                LongByReference out,
                byte[] message,
                int messageLength);

        void tidemark_tokenizer_free(long tokenizer);

        long tidemark_tokenizer_bytes(long tokenizer);

        int tidemark_grammar_compile(
                long tokenizer,
                int kind,
                byte[] text,
                int textLength,
                long formatBytes,
                long compileMillis,
                long grammarBytes,
                long maskMicros,
                long totalBytes,
                LongByReference out,
                byte[] message,
                int messageLength);

        long tidemark_grammar_bytes(long grammar);

        void tidemark_grammar_free(long grammar);

        int tidemark_state_new(long grammar, LongByReference out, byte[] message, int messageLength);

        void tidemark_state_free(long state);

        int tidemark_states_advance(
                int rows,
                long[] states,
                int[] tokens,
                IntBuffer masks,
                long masksLength,
                int words,
                int[] statuses,
                byte[] messages,
                int messagesLength);
    }

    /** The loaded library, once a process; or why there is none. */
    record Loading(Optional<Functions> functions, Optional<GrammarUnavailableException> failure) {

        private static final Loading DONE = of(GrammarLibrary::open);

        interface Opening {
            Functions open() throws IOException;
        }

        /** An exception of any kind is a failure: the error of an uninitialized class would have no reason. */
        static Loading of(Opening opening) {
            try {
                return new Loading(Optional.of(opening.open()), Optional.empty());
            } catch (GrammarUnavailableException e) {
                return new Loading(Optional.empty(), Optional.of(e));
            } catch (IOException | RuntimeException | LinkageError e) {
                return new Loading(
                        Optional.empty(),
                        Optional.of(new GrammarUnavailableException(LIBRARY.file() + " can't be loaded: " + e, e)));
            }
        }

        /** @throws GrammarUnavailableException if there is no library for this platform, or it can't be loaded */
        Functions get() {
            failure.ifPresent(reason -> {
                throw new GrammarUnavailableException(reason.getMessage(), reason);
            });
            return functions.orElseThrow();
        }
    }

    static boolean isAvailable() {
        return Loading.DONE.functions().isPresent();
    }

    /** @throws GrammarUnavailableException if there is no library for this platform, or it can't be loaded */
    static Functions functions() {
        return Loading.DONE.get();
    }

    /** Decodes a text in a message buffer, up to its length or a zero byte. */
    static String text(byte[] message, int start, int length) {
        int end = start;
        while (end < start + length && message[end] != 0) {
            end++;
        }
        return new String(message, start, end - start, StandardCharsets.UTF_8);
    }

    private static Functions open() throws IOException {
        if (!LibraryResource.supportsPlatform()) {
            throw new GrammarUnavailableException("answers can have a format on Linux on x86-64 only, not on "
                    + System.getProperty("os.name") + " on " + System.getProperty("os.arch"));
        }
        return LIBRARY.load(Functions.class, Functions::tidemark_grammar_version, VERSION);
    }
}
