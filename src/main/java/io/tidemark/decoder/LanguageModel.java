package io.tidemark.decoder;

import io.tidemark.model.ModelConfig;
import io.tidemark.model.ModelConfigReader;
import io.tidemark.model.ModelOptions;
import io.tidemark.model.ModelRefused;
import io.tidemark.text.ChatTemplate;
import io.tidemark.text.CompletionEnd;
import io.tidemark.text.ProbeText;
import io.tidemark.text.TextTokenizer;
import io.tidemark.torch.Torch;
import java.nio.file.Path;

/** A base model, loaded and ready: everything that a Hugging Face folder holds and generation needs. */
public final class LanguageModel implements AutoCloseable {

    private final String name;
    private final Decoder decoder;
    private final TextTokenizer tokenizer;
    private final ChatTemplate chatTemplate;
    private final int completionEnd;

    private LanguageModel(
            String name, Decoder decoder, TextTokenizer tokenizer, ChatTemplate chatTemplate, int completionEnd) {
        this.name = name;
        this.decoder = decoder;
        this.tokenizer = tokenizer;
        this.chatTemplate = chatTemplate;
        this.completionEnd = completionEnd;
    }

    /**
     * Loads a folder with {@code config.json}, safetensors and {@code tokenizer.json}.
     *
     * @param name the base model's name in requests and boundary records
     * @throws ModelRefused when the folder is broken or asks for something that would not be applied, naming the field
     */
    public static LanguageModel load(Path folder, String name, Torch torch) {
        return load(folder, name, torch, ModelOptions.DEFAULT);
    }

    /**
     * The same, in another compute type than float32.
     *
     * @throws ModelRefused             as above
     * @throws IllegalArgumentException when the device does not compute so
     */
    public static LanguageModel load(Path folder, String name, Torch torch, ModelOptions options) {
        ModelConfig config = ModelConfigReader.read(folder);
        ChatTemplate chatTemplate = ChatTemplate.load(folder);
        TextTokenizer tokenizer = TextTokenizer.load(folder);
        try {
            int completionEnd = CompletionEnd.of(folder, config.endOfSequence(), tokenizer);
            Decoder decoder = Decoder.load(folder, config, torch, options, ProbeText.tokens(tokenizer, config));
            return new LanguageModel(name, decoder, tokenizer, chatTemplate, completionEnd);
        } catch (RuntimeException e) {
            tokenizer.close();
            throw e;
        }
    }

    /** Lets the calling thread compute behind all others for good; see {@link Torch#lowerThreadPriority}. */
    public void lowerThreadPriority() {
        decoder.lowerThreadPriority();
    }

    public String name() {
        return name;
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

    /** The end-of-sequence token that belongs behind a completion; one of those of {@link ModelConfig}. */
    public int completionEnd() {
        return completionEnd;
    }

    @Override
    public void close() {
        decoder.close();
        tokenizer.close();
    }
}
