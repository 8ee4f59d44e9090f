package io.tidemark.benchmark;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.model.ComputeType;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Torch;
import io.tidemark.torch.TorchOptions;
import java.nio.file.Path;
import java.util.List;

/** The demo's model of 8 layers and a context of 512 tokens, in fp32, with one thread. */
public final class DemoModel implements AutoCloseable {

    /** Relative to the folder of this project, in which Maven runs tests. */
    private static final Path DEMO = Path.of("../demo");

    private final Torch torch = Torch.open(new TorchOptions("cpu", 1));
    private final LanguageModel model =
            LanguageModel.load(DEMO.resolve("model"), "demo", torch, new ModelOptions(ComputeType.FP32));
    private final AdapterStore adapters = new AdapterStore(model);

    public LanguageModel model() {
        return model;
    }

    /** An adapter of the demo, {@code describe} or {@code extract}. */
    public LoraWeights adapter(String name) {
        return adapters.find(name)
                .orElseGet(() -> adapters.load(name, DEMO.resolve("adapters").resolve(name)))
                .weights();
    }

    /** Loads an adapter from any folder. */
    LoraWeights load(String name, Path folder) {
        return adapters.load(name, folder).weights();
    }

    public List<Integer> tokens(String text) {
        return model.tokenizer().encodePrompt(text);
    }

    @Override
    public void close() {
        adapters.close();
        model.close();
        torch.close();
    }
}
