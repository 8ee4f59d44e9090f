package io.tidemark.input;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.tidemark.decoder.LanguageModel;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.message.ChatTurn;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.Input;
import io.tidemark.message.ValidationBatch;
import io.tidemark.torch.Torch;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** {@link InputTokensTest} compares the tokens with those of transformers. */
@DisplayName("The encoder of inputs")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class InputEncoderTest {

    private static final String FAMILY = "llama-gqa";

    /** The template renders it to no text. */
    private static final Input EMPTY = chat("nothing");

    private static final Input REFUSED = chat("refuse");

    private Torch torch;
    private LanguageModel model;
    private InputEncoder encoder;

    @BeforeAll
    void load(@TempDir Path temp) throws Exception {
        Path folder = Folders.copyOfModel(FAMILY, temp);
        Files.writeString(
                folder.resolve("chat_template.jinja"),
                "{% if messages[0].content == 'refuse' %}{{ raise_exception('not this') }}{% endif %}"
                        + "{% if messages[0].content == 'slow' %}{% for i in range(9) %}{% endfor %}{% endif %}");
        torch = Torch.open(FixtureModel.OPTIONS);
        model = LanguageModel.load(folder, FAMILY, torch, FixtureModel.FP32);
        encoder = new InputEncoder(model);
    }

    @AfterAll
    void close() {
        model.close();
        torch.close();
    }

    @Test
    @DisplayName("Refuses a text of more bytes than the context can have before it is tokenized, and no shorter one")
    void tooManyBytes() throws RejectedException {
        int most = (int)
                model.tokenizer().mostBytes(model.config().contextLength()).orElseThrow();
        assertThat(encoder.encode(new Input.Prompt("x".repeat(most)))).hasSizeGreaterThan(most / 13);
        for (Input input :
                List.of(new Input.Prompt("x".repeat(most + 1)), new Input.Prompt("\u0142".repeat(most / 2 + 1)))) {
            RejectedException refused = catchThrowableOfType(RejectedException.class, () -> encoder.encode(input));
            assertThat(refused.error().code()).isEqualTo("context_length_exceeded");
            assertThat(refused.error().param()).contains("prompt");
            assertThat(refused.error().message()).contains("at most " + most + " bytes can fit");
        }
    }

    @Test
    @DisplayName("Refuses messages whose template was interrupted, with a code of its own")
    void interrupted() {
        assertThat(error(() -> encoder.encode(chat("slow"), () -> true)).code()).isEqualTo("chat_template_timeout");
    }

    @Test
    @DisplayName("Refuses a request's input that tokenizes to nothing or that the template refuses, with its field")
    void refusesRequests() {
        assertThat(error(() -> encoder.encode(EMPTY)))
                .isEqualTo(error("invalid_value", "messages", "'messages' tokenizes to nothing"));
        assertThat(error(() -> encoder.encode(new Input.Prompt(""))))
                .isEqualTo(error("invalid_value", "prompt", "'prompt' tokenizes to nothing"));
        assertThat(error(() -> encoder.encode(REFUSED)))
                .isEqualTo(error(
                        "chat_template_failed",
                        "messages",
                        "the model's chat template refused the messages: not this"));
    }

    @Test
    @DisplayName("Names the place of a refused example in its batch")
    void refusesExamples() {
        assertThat(error(() -> encoder.encode(example(EMPTY), "examples[3]")))
                .isEqualTo(error(
                        "invalid_value",
                        "examples[3]",
                        "'examples[3]' has a prompt or completion that tokenizes to nothing"));
        assertThat(error(() -> encoder.encode(example(REFUSED), "examples[3]")))
                .isEqualTo(error(
                        "chat_template_failed",
                        "examples[3].messages",
                        "the model's chat template refused the messages: not this"));
        assertThat(error(() -> encoder.encode(example(REFUSED), "")).param()).contains("messages");
    }

    @Test
    @DisplayName(
            "Accepts an example as long as the context, its end-of-sequence token included, and refuses a longer one")
    void limitsExamples() throws Exception {
        String text = "7".repeat(model.config().contextLength() - 2);
        assertThat(encoder.encode(example(new Input.Prompt(text)), "").tokens())
                .isEqualTo(model.config().contextLength());
        Input longer = new Input.Prompt(text + "7");
        assertThat(error(() -> encoder.encode(example(longer), "examples[0]")))
                .isEqualTo(error(
                        "context_length_exceeded",
                        "examples[0]",
                        "'examples[0]' has 513 tokens; the context length of the model is 512"));
        assertThat(error(() -> encoder.encode(example(longer), "")))
                .isEqualTo(new ErrorBody(
                        ErrorBody.INVALID_REQUEST,
                        "context_length_exceeded",
                        "the example has 513 tokens; the context length of the model is 512",
                        Optional.empty()));
    }

    private static Input chat(String text) {
        return new Input.Messages(List.of(new ChatTurn("user", text)), List.of());
    }

    private static ValidationBatch.Example example(Input input) {
        return new ValidationBatch.Example(input, "7");
    }

    private static ErrorBody error(ThrowingCallable encode) {
        return catchThrowableOfType(RejectedException.class, encode).error();
    }

    private static ErrorBody error(String code, String param, String message) {
        return ErrorBody.invalidRequest(code, param, message);
    }
}
