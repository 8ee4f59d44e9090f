package io.tidemark.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import java.io.IOException;
import java.nio.file.Path;

/** Copies of adapters that a test can change, and stores of their base model. */
final class CopiedAdapters implements AutoCloseable {

    static final String FAMILY = "llama-gqa";
    static final String CONFIG = "adapter_config.json";
    static final String WEIGHTS = "adapter_model.safetensors";

    private final Path folder;
    private final String family;
    private final FixtureModel fixture;
    private int copies;

    /** @param folder where all copies are created */
    CopiedAdapters(Path folder) {
        this(folder, FAMILY);
    }

    CopiedAdapters(Path folder, String family) {
        this.folder = folder;
        this.family = family;
        this.fixture = FixtureModel.load(family);
    }

    /** A copy of the adapter 'qv'. */
    Path copy() {
        return copy("qv");
    }

    Path copy(String adapter) {
        return Folders.copyOfAdapter(family, adapter, folder.resolve("copy-" + copies++));
    }

    /** A copy of 'qv' with an option of its config set to a JSON value. */
    Path copyWith(String option, String json) {
        return set(copy(), option, json);
    }

    static Path set(Path adapter, String option, String json) {
        Folders.edit(adapter.resolve(CONFIG), root -> {
            try {
                root.set(option, new ObjectMapper().readTree(json));
            } catch (IOException e) {
                throw new IllegalArgumentException(e);
            }
        });
        return adapter;
    }

    /** An empty store. */
    AdapterStore store() {
        return new AdapterStore(fixture.model());
    }

    /** The refusal of an adapter; fails if it is accepted. */
    InvalidAdapterException refusal(Path adapter) {
        try (AdapterStore store = store()) {
            InvalidAdapterException refused =
                    catchThrowableOfType(InvalidAdapterException.class, () -> store.load("one", adapter));
            assertThat(refused).as("refusal of %s", adapter).isNotNull();
            assertThat(store.ids()).isEmpty();
            return refused;
        }
    }

    @Override
    public void close() {
        fixture.close();
    }
}
