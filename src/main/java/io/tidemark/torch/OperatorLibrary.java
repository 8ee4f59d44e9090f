package io.tidemark.torch;

import com.sun.jna.Library;
import io.tidemark.library.LibraryResource;
import java.io.IOException;
import java.util.Optional;

/**
 * The operators {@code tidemark::*} of {@code native/decoder}, which scripts call as {@code ops.tidemark.*}. They
 * compute the layers and the head of a decoder in int8 on x86-64 Linux.
 *
 * <p>libtorch treats operators as pure functions: it removes a call whose result is not used and that writes to no
 * tensor in use, and may merge two equal calls. A script therefore returns the results of operators, or a sum of them,
 * and makes one new object in a call.
 */
public final class OperatorLibrary {

    /** The version of {@code decoder.h}, which the library gives. */
    private static final int VERSION = 1;

    private static final LibraryResource LIBRARY = new LibraryResource("libtidemark_decoder.so");

    private OperatorLibrary() {}

    /** The instruction sets of the kernels, in the order of {@code enum tidemark_family}: the last is the fastest. */
    public enum Family {
        AVX2,
        VNNI,
        VNNI_BF16,
        AMX
    }

    /** The functions that Java calls; the others are operators. */
    interface Functions extends Library {

        int tidemark_decoder_version();

        int tidemark_best_family();

        String tidemark_register_operators();
    }

    /**
     * Whether scripts can use the operators.
     *
     * @param best   the fastest family that the processor and its operating system support, if the operators exist
     * @param reason why there are no operators, otherwise
     */
    public record Loading(Optional<Family> best, Optional<String> reason) {

        private static final Loading DONE = of(OperatorLibrary::open);

        interface Opening {
            Functions open() throws IOException;
        }

        /** Each failure is a reason: an initializer that throws hides it from later calls as NoClassDefFoundError. */
        static Loading of(Opening opening) {
            try {
                return register(opening.open());
            } catch (IOException | RuntimeException | LinkageError e) {
                return failed(LIBRARY.file() + " can't be loaded: " + e);
            }
        }

        private static Loading register(Functions functions) {
            String failure = functions.tidemark_register_operators();
            if (failure != null) {
                return failed(failure);
            }
            int family = functions.tidemark_best_family();
            return family < 0
                    ? failed("the processor does not have AVX2 and FMA")
                    : new Loading(Optional.of(Family.values()[family]), Optional.empty());
        }

        private static Loading failed(String reason) {
            return new Loading(Optional.empty(), Optional.of(reason));
        }
    }

    /**
     * Loads libtorch and registers the operators, at the first call in the process. Must return before a script that
     * uses operators is loaded.
     */
    public static Loading load() {
        return Loading.DONE;
    }

    private static Functions open() throws IOException {
        if (!LibraryResource.supportsPlatform()) {
            throw new IOException("it is for Linux on x86-64, not for " + System.getProperty("os.name") + " on "
                    + System.getProperty("os.arch"));
        }
        Devices.engine(); // the library is linked to the libtorch that the process has
        return LIBRARY.load(Functions.class, Functions::tidemark_decoder_version, VERSION);
    }
}
