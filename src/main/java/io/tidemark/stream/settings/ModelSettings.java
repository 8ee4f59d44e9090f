package io.tidemark.stream.settings;

import java.nio.file.Path;
import java.util.Optional;

/** {@code tidemark.model.*}: the base model. */
public interface ModelSettings {

    /** The Hugging Face folder. */
    Path dir();

    /** The name that requests and boundary records use for it; by default the folder's name. */
    Optional<String> name();
}
