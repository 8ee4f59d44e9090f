package io.tidemark.torch;

import com.sun.jna.Library;
import com.sun.jna.NativeLibrary;
import io.tidemark.library.LibraryResource;
import java.io.IOException;
import java.util.Optional;

/** The operators of {@code native/cuda_graph}, which {@code cuda_graph.torchscript} calls. */
public final class GraphOperators {

    /** The version that the library gives. */
    private static final int VERSION = 1;

    private static final LibraryResource LIBRARY = new LibraryResource("libtidemark_cuda_graph.so");

    /** The part of libtorch for GPUs, which the process has loaded; the operators call its functions. */
    private static final String LIBTORCH_CUDA = "libtorch_cuda.so";

    private static final System.Logger LOG = System.getLogger(GraphOperators.class.getName());

    private GraphOperators() {}

    /** The function that Java calls; the others are operators. */
    interface Functions extends Library {

        int tidemark_cuda_graph_version();
    }

    private static final class Loading {

        private static final Optional<String> FAILURE = open();
    }

    /**
     * Loads libtorch and registers the operators, at the first call in the process. Must return before a script that
     * uses them is loaded.
     *
     * @return why this process can't use them; empty if it can
     */
    public static Optional<String> load() {
        return Loading.FAILURE;
    }

    private static Optional<String> open() {
        if (!LibraryResource.supportsPlatform()) {
            return Optional.of("they are for Linux on x86-64");
        }
        Devices.engine(); // the library is linked to the libtorch that the process has
        try {
            NativeLibrary.getInstance(LIBTORCH_CUDA); // lets later libraries use its functions
        } catch (UnsatisfiedLinkError e) {
            LOG.log(System.Logger.Level.DEBUG, "the process has no {0}", LIBTORCH_CUDA);
        }
        try {
            LIBRARY.load(Functions.class, Functions::tidemark_cuda_graph_version, VERSION);
            return Optional.empty();
        } catch (IOException | LinkageError e) {
            return Optional.of(LIBRARY.file() + " can't be loaded: " + e.getMessage());
        }
    }
}
