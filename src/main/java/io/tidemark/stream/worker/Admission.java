package io.tidemark.stream.worker;

import io.tidemark.adapter.LoadedAdapter;
import io.tidemark.generation.Ending;
import io.tidemark.generation.GenerationRequest;
import io.tidemark.message.Input;
import io.tidemark.message.RequestMessage;
import io.tidemark.model.ChatMessage;
import io.tidemark.model.ChatTemplateFailed;
import io.tidemark.model.LanguageModel;
import io.tidemark.model.Sampling;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.Optional;

/** Turns a request that is well-formed into one that can run, or says why it can't: all rules that need the model. */
final class Admission {

    private final LanguageModel model;
    private final AdapterChoice adapters;

    Admission(LanguageModel model, AdapterChoice adapters) {
        this.model = model;
        this.adapters = adapters;
    }

    /** All that can be said without the adapter's weights, so that no request is refused only after they were loaded. */
    PreparedRequest prepare(RequestMessage request) throws RequestNotAdmitted {
        Optional<String> adapter = adapters.require(request);
        List<Integer> prompt = tokenize(request.input());
        requireRoom(request, prompt.size());
        return new PreparedRequest(request, adapter, prompt);
    }

    /**
     * @param adapter  loaded, as the prepared request names it
     * @param id       the client's id, or the derived one; the seed comes from it where the client gave none
     * @param engineId names this reading of the request within the engine
     */
    AdmittedRequest admit(PreparedRequest prepared, Optional<LoadedAdapter> adapter, String id, String engineId) {
        RequestMessage request = prepared.message();
        AdapterChoice.Chosen chosen = adapters.pin(request, adapter);
        Sampling sampling = new Sampling(request.temperature(), request.topP(), request.topK(), request.minP(),
                request.repetitionPenalty());
        GenerationRequest generation = new GenerationRequest(engineId, chosen.loaded().map(LoadedAdapter::weights),
                chosen.boundary(), prepared.prompt(), Ending.after(request.maxTokens()).withStop(request.stop()), sampling,
                request.seed().orElseGet(() -> seedFrom(id)), request.n(), request.logprobs());
        return new AdmittedRequest(id, request, chosen.pinned(), generation);
    }

    private List<Integer> tokenize(Input input) throws RequestNotAdmitted {
        List<Integer> tokens = input instanceof Input.Messages chat
                ? model.tokenizer().encodePlain(render(chat))
                : model.tokenizer().encodePrompt(((Input.Prompt) input).prompt());
        if (tokens.isEmpty()) {
            throw new RequestNotAdmitted("invalid_value", field(input), "'" + field(input) + "' comes to no token");
        }
        return tokens;
    }

    private String render(Input.Messages chat) throws RequestNotAdmitted {
        try {
            return model.chatTemplate().render(chat.messages().stream().map(turn -> new ChatMessage(turn.fields())).toList(),
                    chat.tools());
        } catch (ChatTemplateFailed e) {
            throw new RequestNotAdmitted("chat_template_failed", "messages", e.getMessage());
        }
    }

    private void requireRoom(RequestMessage request, int promptTokens) throws RequestNotAdmitted {
        int context = model.config().contextLength();
        if ((long) promptTokens + request.maxTokens() > context) {
            String blamed = promptTokens >= context ? field(request.input()) : "max_tokens";
            throw new RequestNotAdmitted("context_length_exceeded", blamed, "the prompt has " + promptTokens
                    + " tokens and max_tokens is " + request.maxTokens() + ", together above the context of " + context);
        }
    }

    private static String field(Input input) {
        return input instanceof Input.Messages ? "messages" : "prompt";
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
