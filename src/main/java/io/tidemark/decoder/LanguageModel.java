package io.tidemark.decoder;

import io.tidemark.boundary.LoadedVersion;
import io.tidemark.model.ComputeType;
import io.tidemark.model.InvalidModelException;
import io.tidemark.model.Kernels;
import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModelOptions;
import io.tidemark.model.WeightFiles;
import io.tidemark.text.ChatTemplate;
import io.tidemark.text.TextTokenizer;
import io.tidemark.torch.Torch;
import java.nio.file.Path;

/**
 * A loaded base model: configuration, decoder, tokenizer and chat template. Thread-safe, except for the steps of the
 * decoder; see {@link Decoder}.
 */
public final class LanguageModel implements AutoCloseable {

    /**
     * Sample text with which int8 measures the range of activations. Large activations depend on the model much
     * more than on the text, so a mixture of languages and formats is enough.
     */
    private static final String SAMPLE_TEXT = """
            You are a helpful assistant. Explain in 3 short steps how 12 people at "The Mill" could order $45.50 of food.
            name: Aromi | area: riverside; near = Crowne Plaza (1.5 km), rating [5 out of 5].
            def total(prices): return sum(prices) * 1.19  # with tax
            Sure! First, they look at the menu and the price range. Wir sehen uns morgen, merci beaucoup, hasta luego.
            """;

    private final String name;
    private final String digest;
    private final Decoder decoder;
    private final TextTokenizer tokenizer;
    private final ChatTemplate chatTemplate;
    private final int completionEnd;

    private LanguageModel(
            String name,
            String digest,
            Decoder decoder,
            TextTokenizer tokenizer,
            ChatTemplate chatTemplate,
            int completionEnd) {
        this.name = name;
        this.digest = digest;
        this.decoder = decoder;
        this.tokenizer = tokenizer;
        this.chatTemplate = chatTemplate;
        this.completionEnd = completionEnd;
    }

    /**
     * Loads a folder with {@code config.json}, safetensors and {@code tokenizer.json}.
     *
     * @param name the base model's name in requests and boundary records
     * @throws InvalidModelException    if the folder is broken or needs a feature that is not supported; the message
     *                                  names file and field
     * @throws IllegalArgumentException if the device does not support the compute type or the kernels
     */
    public static LanguageModel load(Path folder, String name, Torch torch, ModelOptions options) {
        ModelConfig config = ModelConfig.read(folder);
        ChatTemplate chatTemplate = ChatTemplate.load(folder);
        TextTokenizer tokenizer = TextTokenizer.load(folder);
        try {
            int completionEnd = tokenizer.completionEnd(folder, config.endOfSequence());
            String digest = WeightFiles.digest(folder);
            Decoder decoder = Decoder.load(folder, config, torch, options, sampleTokens(tokenizer, config));
            return new LanguageModel(name, digest, decoder, tokenizer, chatTemplate, completionEnd);
        } catch (RuntimeException e) {
            tokenizer.close();
            throw e;
        }
    }

    private static long[] sampleTokens(TextTokenizer tokenizer, ModelConfig config) {
        return tokenizer.encodePrompt(SAMPLE_TEXT).stream()
                .limit(config.contextLength())
                .mapToLong(Integer::longValue)
                .toArray();
    }

    /** Lowers the priority of the calling thread for its whole life, see {@link Torch#lowerThreadPriority}. */
    public void lowerThreadPriority() {
        decoder.lowerThreadPriority();
    }

    public String name() {
        return name;
    }

    /** Identifies the files of the base model, see {@link WeightFiles#digest}. */
    public String digest() {
        return digest;
    }

    /** The numeric type of the linear modules. */
    public ComputeType computeType() {
        return decoder.options().computeType();
    }

    /** What computes the layers and the head; never {@link Kernels#AUTO}. */
    public Kernels kernels() {
        return decoder.kernels();
    }

    /**
     * A version of an adapter on this model, for the rules of boundaries.
     *
     * @param adapterDigest SHA-256 of the adapter
     */
    public LoadedVersion version(String adapterDigest) {
        return new LoadedVersion(name, digest, computeType().label(), adapterDigest, config().numLayers());
    }

    public ModelConfig config() {
        return decoder.config();
    }

    public Decoder decoder() {
        return decoder;
    }

    public TextTokenizer tokenizer() {
        return tokenizer;
    }

    public ChatTemplate chatTemplate() {
        return chatTemplate;
    }

    /** The end-of-sequence token that follows a completion: one of those of {@link ModelConfig#endOfSequence}. */
    public int completionEnd() {
        return completionEnd;
    }

    @Override
    public void close() {
        decoder.close();
        tokenizer.close();
    }
}
