package io.tidemark.input;

import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.message.ChatTurn;
import io.tidemark.message.Input;
import io.tidemark.message.ValidationBatch;
import io.tidemark.text.ChatTemplateException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.BooleanSupplier;

/**
 * Turns inputs into the token ids that the model gets. A prompt is tokenized with the special tokens that the tokenizer
 * adds, as by calling a tokenizer of transformers. Messages and tools are rendered by the chat template and tokenized
 * without added special tokens, as by {@code apply_chat_template(messages, tools, add_generation_prompt=True)}.
 * Thread-safe.
 */
public final class InputEncoder {

    /** The code of an input that is longer than the context of the model. */
    public static final String TOO_LONG = "context_length_exceeded";

    private final LanguageModel model;

    /** @param model must stay open as long as the encoder is used */
    public InputEncoder(LanguageModel model) {
        this.model = model;
    }

    /** Encodes the input of a request; nothing interrupts it. See {@link #encode(Input, BooleanSupplier)}. */
    public List<Integer> encode(Input input) throws RejectedException {
        return encode(input, () -> false);
    }

    /**
     * Encodes the input of a request. The number of tokens may exceed the context length. A text that is too
     * long in bytes to fit the context is refused without tokenizing, which takes up to a second per megabyte.
     *
     * @param interrupted whether the chat template must end; read often, on the calling thread
     * @return the token ids, at least one
     * @throws RejectedException with the code {@code chat_template_failed}, {@code chat_template_timeout} after an
     *                               interruption, {@code invalid_value} for an input without tokens, or
     *                               {@code context_length_exceeded}
     */
    public List<Integer> encode(Input input, BooleanSupplier interrupted) throws RejectedException {
        List<Integer> tokens = tokens(input, input.field(), interrupted);
        if (tokens.isEmpty()) {
            throw new RejectedException("invalid_value", input.field(), "'" + input.field() + "' tokenizes to nothing");
        }
        return tokens;
    }

    /**
     * Encodes an example. Its completion is tokenized without added special tokens and ends with the model's
     * {@link LanguageModel#completionEnd end-of-sequence token}.
     *
     * @param path where the example is in its document, such as {@code examples[3]}; empty if it is the document
     * @throws RejectedException with the code {@code chat_template_failed}, {@code invalid_value} for a prompt or
     *                               completion without tokens, or {@code context_length_exceeded}
     */
    public TokenizedExample encode(ValidationBatch.Example example, String path) throws RejectedException {
        String subject = path.isEmpty() ? "the example" : "'" + path + "'";
        String field = example.input().field();
        List<Integer> prompt = tokens(example.input(), path.isEmpty() ? field : path + "." + field, () -> false);
        List<Integer> completion = new ArrayList<>(model.tokenizer().encodePlain(example.completion()));
        if (prompt.isEmpty() || completion.isEmpty()) {
            throw new RejectedException(
                    "invalid_value", path, subject + " has a prompt or completion that tokenizes to nothing");
        }
        completion.add(model.completionEnd());
        TokenizedExample encoded = new TokenizedExample(prompt, completion);
        int context = model.config().contextLength();
        if (encoded.tokens() > context) {
            throw new RejectedException(
                    TOO_LONG,
                    path,
                    subject + " has " + encoded.tokens() + " tokens; the context length of the model is " + context);
        }
        return encoded;
    }

    private List<Integer> tokens(Input input, String field, BooleanSupplier interrupted) throws RejectedException {
        if (input instanceof Input.Messages chat) {
            return tokens(chat, field, interrupted);
        }
        String prompt = ((Input.Prompt) input).prompt();
        requireContext(prompt, field);
        return model.tokenizer().encodePrompt(prompt);
    }

    /** @throws RejectedException if the text has more bytes than a text that fits into the context can have */
    private void requireContext(String text, String field) throws RejectedException {
        int context = model.config().contextLength();
        OptionalLong most = model.tokenizer().mostBytes(context);
        // a character has 1 to 3 bytes
        if (most.isEmpty() || 3L * text.length() <= most.getAsLong()) {
            return;
        }
        int bytes = text.getBytes(StandardCharsets.UTF_8).length;
        if (bytes > most.getAsLong()) {
            throw new RejectedException(
                    TOO_LONG,
                    field,
                    "'" + field + "' has " + bytes + " bytes; a text of at most " + most.getAsLong()
                            + " bytes can fit into the model's context of " + context + " tokens");
        }
    }

    private List<Integer> tokens(Input.Messages chat, String field, BooleanSupplier interrupted)
            throws RejectedException {
        try {
            String rendered = model.chatTemplate()
                    .render(chat.messages().stream().map(ChatTurn::fields).toList(), chat.tools(), interrupted);
            requireContext(rendered, field);
            return model.tokenizer().encodePlain(rendered);
        } catch (ChatTemplateException e) {
            if (e.isInterrupted()) {
                throw new RejectedException(
                        "chat_template_timeout",
                        field,
                        "the model's chat template took longer than the worker permits for '" + field + "'");
            }
            throw new RejectedException("chat_template_failed", field, e.getMessage());
        }
    }
}
