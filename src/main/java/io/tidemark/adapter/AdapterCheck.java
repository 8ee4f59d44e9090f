package io.tidemark.adapter;

import io.tidemark.model.ModelConfig;
import java.nio.file.Path;

/**
 * Checks a PEFT folder as a worker does before it serves it, without the weights of the base model and without the
 * values of tensors.
 */
public final class AdapterCheck {

    private AdapterCheck() {}

    /**
     * Checks the config and the headers of all tensors against a base model.
     *
     * @param model the Hugging Face folder of the base model, of which only the config is read
     * @throws InvalidAdapterException if a worker would refuse the adapter; the message names file and field
     * @throws io.tidemark.model.InvalidModelException if the config of the model is missing or broken
     */
    public static void withModel(Path folder, Path model) {
        AdapterReader.read(folder, ModelConfig.read(model));
    }

    /**
     * Checks the options of the config and the header of the weights file. Shapes and names of tensors remain
     * unchecked.
     *
     * @throws InvalidAdapterException if a worker would refuse the adapter for any model
     */
    public static void withoutModel(Path folder) {
        AdapterConfig.read(folder.resolve(AdapterReader.CONFIG));
        AdapterFile.read(folder);
    }
}
