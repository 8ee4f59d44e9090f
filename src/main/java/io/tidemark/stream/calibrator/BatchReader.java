package io.tidemark.stream.calibrator;

import io.tidemark.adapter.AdapterLease;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.boundary.LoadedVersion;
import io.tidemark.calibration.TokenizedExample;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.message.BatchParser;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.Input;
import io.tidemark.message.Parsed;
import io.tidemark.message.ValidationBatch;
import io.tidemark.text.ChatMessage;
import io.tidemark.text.ChatTemplateFailed;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;

/** Turns a record of the batch topic into examples of tokens, or says why it can't be used. */
final class BatchReader {

    /** As much as the topic takes. */
    private static final int MAX_BYTES = 4 * 1024 * 1024;

    private static final long ASK_EVERY_MS = 100;

    private final BatchParser parser = new BatchParser(MAX_BYTES);
    private final LanguageModel model;
    private final AdapterStore adapters;
    private final int endOfSequence;

    BatchReader(LanguageModel model, AdapterStore adapters) {
        this.model = model;
        this.adapters = adapters;
        this.endOfSequence = model.completionEnd();
    }

    /**
     * @param value as Kafka hands it over, null included
     * @param goOn  asked now and then while the adapter is being loaded; false ends the waiting
     * @throws SweepAbandoned when it was ended
     */
    UsableBatch read(byte[] value, BooleanSupplier goOn) throws BatchUnusable, SweepAbandoned {
        Parsed<ValidationBatch> parsed = parser.parse(value);
        if (parsed instanceof Parsed.Valid<ValidationBatch> valid) {
            return tokenized(valid.record(), goOn);
        }
        throw new BatchUnusable(((Parsed.Invalid<ValidationBatch>) parsed).error());
    }

    private UsableBatch tokenized(ValidationBatch batch, BooleanSupplier goOn) throws BatchUnusable, SweepAbandoned {
        if (!adapters.isRegistered(batch.adapter())) {
            throw new BatchUnusable("unknown_adapter", "adapter", "no adapter '" + batch.adapter() + "' is loaded");
        }
        List<TokenizedExample> examples = new ArrayList<>();
        for (ValidationBatch.Example example : batch.examples()) {
            examples.add(tokenized(example, "examples[" + examples.size() + "]"));
        }
        AdapterLease lease = lease(batch.adapter(), goOn);
        LoadedVersion version = new LoadedVersion(
                model.name(), lease.adapter().digest(), model.config().numLayers());
        return new UsableBatch(batch.batchId(), lease, version, examples);
    }

    private AdapterLease lease(String id, BooleanSupplier goOn) throws BatchUnusable, SweepAbandoned {
        CompletableFuture<AdapterLease> lease = adapters.lease(id);
        try {
            do {
                try {
                    return lease.get(ASK_EVERY_MS, TimeUnit.MILLISECONDS);
                } catch (TimeoutException e) {
                    // not yet; ask whether to go on
                }
            } while (goOn.getAsBoolean());
        } catch (ExecutionException e) {
            throw new BatchUnusable(
                    ErrorBody.serverError("adapter_unusable", e.getCause().getMessage()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (!lease.cancel(false)) {
            lease.thenAccept(AdapterLease::close);
        }
        throw new SweepAbandoned();
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
            throw new BatchUnusable(
                    "context_length_exceeded",
                    place,
                    "'" + place + "' has " + tokens + " tokens, above the context of "
                            + model.config().contextLength());
        }
        return new TokenizedExample(prompt, completion);
    }

    private List<Integer> prompt(Input input, String place) throws BatchUnusable {
        if (input instanceof Input.Prompt prompt) {
            return model.tokenizer().encodePrompt(prompt.prompt());
        }
        Input.Messages chat = (Input.Messages) input;
        List<ChatMessage> turns = chat.messages().stream()
                .map(turn -> new ChatMessage(turn.fields()))
                .toList();
        try {
            return model.tokenizer().encodePlain(model.chatTemplate().render(turns, chat.tools()));
        } catch (ChatTemplateFailed e) {
            throw new BatchUnusable("chat_template_failed", place + ".messages", e.getMessage());
        }
    }
}
