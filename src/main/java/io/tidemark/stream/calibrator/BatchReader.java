package io.tidemark.stream.calibrator;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.adapter.LoadedAdapter;
import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.TokenizedExample;
import io.tidemark.message.BatchParser;
import io.tidemark.message.Input;
import io.tidemark.message.Parsed;
import io.tidemark.message.ValidationBatch;
import io.tidemark.model.ChatMessage;
import io.tidemark.model.ChatTemplateFailed;
import io.tidemark.model.LanguageModel;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Turns a record of the batch topic into examples of tokens, or says why it can't be used. */
final class BatchReader {

    /** As much as the topic takes. */
    private static final int MAX_BYTES = 4 * 1024 * 1024;

    private final BatchParser parser = new BatchParser(MAX_BYTES);
    private final LanguageModel model;
    private final AdapterStore adapters;
    private final int endOfSequence;

    BatchReader(LanguageModel model, AdapterStore adapters) {
        this.model = model;
        this.adapters = adapters;
        this.endOfSequence = Collections.min(model.config().endOfSequence());
    }

    /** @param value as Kafka hands it over, null included */
    UsableBatch read(byte[] value) throws BatchUnusable {
        Parsed<ValidationBatch> parsed = parser.parse(value);
        if (parsed instanceof Parsed.Valid<ValidationBatch> valid) {
            return tokenized(valid.record());
        }
        throw new BatchUnusable(((Parsed.Invalid<ValidationBatch>) parsed).error());
    }

    private UsableBatch tokenized(ValidationBatch batch) throws BatchUnusable {
        LoadedAdapter adapter = adapters.find(batch.adapter()).orElseThrow(() -> new BatchUnusable(
                "unknown_adapter", "adapter", "no adapter '" + batch.adapter() + "' is loaded"));
        List<TokenizedExample> examples = new ArrayList<>();
        for (ValidationBatch.Example example : batch.examples()) {
            examples.add(tokenized(example, "examples[" + examples.size() + "]"));
        }
        LoadedVersion version = new LoadedVersion(model.name(), adapter.digest(), model.config().numLayers());
        return new UsableBatch(batch.batchId(), adapter, version, examples);
    }

    private TokenizedExample tokenized(ValidationBatch.Example example, String place) throws BatchUnusable {
        List<Integer> prompt = prompt(example.input(), place);
        List<Integer> completion = new ArrayList<>(model.tokenizer().encodePlain(example.completion()));
        if (prompt.isEmpty() || completion.isEmpty()) {
            throw new BatchUnusable("invalid_value", place, "'" + place + "' has a text that comes to no token");
        }
        completion.add(endOfSequence);
        int tokens = prompt.size() + completion.size();
        if (tokens > model.config().contextLength()) {
            throw new BatchUnusable("context_length_exceeded", place, "'" + place + "' has " + tokens
                    + " tokens, above the context of " + model.config().contextLength());
        }
        return new TokenizedExample(prompt, completion);
    }

    private List<Integer> prompt(Input input, String place) throws BatchUnusable {
        if (input instanceof Input.Prompt prompt) {
            return model.tokenizer().encodePrompt(prompt.prompt());
        }
        List<ChatMessage> turns = ((Input.Messages) input).messages().stream()
                .map(turn -> new ChatMessage(turn.role(), turn.content())).toList();
        try {
            return model.tokenizer().encodePlain(model.chatTemplate().render(turns));
        } catch (ChatTemplateFailed e) {
            throw new BatchUnusable("chat_template_failed", place + ".messages", e.getMessage());
        }
    }
}
