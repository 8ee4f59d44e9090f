package io.tidemark.adapter;

import java.nio.file.Path;

/** Reads one adapter's folder; behind it lies the decoder, and in tests whatever shows how the store uses it. */
interface AdapterLoader {

    /** Called once by the thread that loads, before all else: it is to compute behind the others. */
    default void lowerThreadPriority() {}

    /**
     * Reads config and tensor headers, and no tensor.
     *
     * @return the bytes of the weights file, a first guess at the memory that the adapter takes
     * @throws AdapterRefused when the folder cannot be applied exactly, naming what is at fault
     */
    long check(Path folder);

    /** @throws AdapterRefused when the folder cannot be applied exactly, naming what is at fault */
    LoadedAdapter load(String id, Path folder);
}
