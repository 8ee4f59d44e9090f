package io.tidemark.text;

import io.tidemark.model.ModelConfig;
import java.util.List;

/**
 * A text whose activations are observed when a model is brought to int8: which of a linear's inputs are large is the
 * model's, hardly the text's, so a little of everything will do.
 */
public final class ProbeText {

    private static final String TEXT = """
            You are a helpful assistant. Explain in 3 short steps how 12 people at "The Mill" could order $45.50 of food.
            name: Aromi | area: riverside; near = Crowne Plaza (1.5 km), rating [5 out of 5].
            def total(prices): return sum(prices) * 1.19  # with tax
            Sure! First, they look at the menu and the price range. Wir sehen uns morgen, merci beaucoup, hasta luego.
            """;

    private ProbeText() {}

    /** Its tokens, at least one. */
    public static long[] tokens(TextTokenizer tokenizer, ModelConfig config) {
        List<Integer> tokens = tokenizer.encodePrompt(TEXT);
        int most = Math.min(tokens.size(), config.contextLength());
        return tokens.stream().limit(most).mapToLong(Integer::longValue).toArray();
    }
}
