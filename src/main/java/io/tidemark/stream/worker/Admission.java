package io.tidemark.stream.worker;

import io.tidemark.adapter.LoadedAdapter;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.sampling.Penalties;
import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.generation.GenerationParams;
import io.tidemark.generation.GenerationRequest;
import io.tidemark.generation.StopConditions;
import io.tidemark.message.EndingFields;
import io.tidemark.message.Input;
import io.tidemark.message.RequestMessage;
import io.tidemark.message.SamplingFields;
import io.tidemark.text.ChatMessage;
import io.tidemark.text.ChatTemplateException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Turns a request that is well-formed into one that can run, or says why it can't: all rules that need the model. */
final class Admission {

    private final LanguageModel model;
    private final AdapterChoice adapters;

    Admission(LanguageModel model, AdapterChoice adapters) {
        this.model = model;
        this.adapters = adapters;
    }

    /**
     * All that can be said without the adapter's weights, so that no request is refused only after they were loaded.
     *
     * @param id       the client's id, or the derived one; the seed comes from it where the client gave none
     * @param engineId names this reading of the request within the engine
     */
    PreparedRequest prepare(RequestMessage request, String id, String engineId) throws RequestNotAdmitted {
        Optional<String> adapter = adapters.require(request);
        List<Integer> prompt = tokenize(request.input());
        GenerationParams params = new GenerationParams(
                stopConditions(request.ending()),
                sampling(request.sampling()),
                request.sampling().seed().orElseGet(() -> seedFrom(id)),
                request.n(),
                request.logprobs());
        return new PreparedRequest(id, engineId, request, adapter, prompt, params);
    }

    /** @param adapter loaded, as the prepared request names it */
    AdmittedRequest admit(PreparedRequest prepared, Optional<LoadedAdapter> adapter) {
        AdapterChoice.Chosen chosen = adapters.pin(prepared.message(), adapter);
        return new AdmittedRequest(
                prepared.id(),
                prepared.message(),
                chosen.pinned(),
                new GenerationRequest(
                        prepared.engineId(),
                        prepared.prompt(),
                        prepared.params(),
                        chosen.loaded().map(LoadedAdapter::weights),
                        chosen.boundary()));
    }

    private List<Integer> tokenize(Input input) throws RequestNotAdmitted {
        List<Integer> tokens = input instanceof Input.Messages chat
                ? encodeChat(chat)
                : model.tokenizer().encodePrompt(((Input.Prompt) input).prompt());
        if (tokens.isEmpty()) {
            throw new RequestNotAdmitted("invalid_value", input.field(), "'" + input.field() + "' comes to no token");
        }
        return tokens;
    }

    private List<Integer> encodeChat(Input.Messages chat) throws RequestNotAdmitted {
        List<ChatMessage> messages = chat.messages().stream()
                .map(message -> new ChatMessage(message.fields()))
                .toList();
        try {
            return model.encodeChat(messages, chat.tools());
        } catch (ChatTemplateException e) {
            throw new RequestNotAdmitted("chat_template_failed", "messages", e.getMessage());
        }
    }

    private static SamplingParams sampling(SamplingFields asked) {
        Penalties penalties =
                new Penalties(asked.repetitionPenalty(), asked.presencePenalty(), asked.frequencyPenalty());
        return new SamplingParams(
                asked.temperature(), asked.topP(), asked.topK(), asked.minP(), penalties, asked.logitBias());
    }

    private static StopConditions stopConditions(EndingFields asked) {
        return new StopConditions(
                asked.maxTokens(),
                asked.minTokens(),
                asked.stop(),
                Set.copyOf(asked.stopTokenIds()),
                asked.ignoreEos());
    }

    /** The same for every reading of one request, and spread evenly. */
    static long seedFrom(String id) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(id.getBytes(StandardCharsets.UTF_8));
            return ByteBuffer.wrap(hash).getLong();
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
