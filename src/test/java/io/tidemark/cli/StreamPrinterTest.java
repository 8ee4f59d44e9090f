package io.tidemark.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.cli.SendCommand.StreamPrinter;
import io.tidemark.client.RequestResult;
import io.tidemark.fixture.SampleResults;
import io.tidemark.message.CompletionResult;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.ErrorResult;
import io.tidemark.message.Provenance;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The text of a streamed request")
class StreamPrinterTest {

    private final StringWriter out = new StringWriter();
    private final StreamPrinter printer = new StreamPrinter(new PrintWriter(out), new PrintWriter(new StringWriter()));

    @Test
    @DisplayName("Is not printed again when another attempt generates the same text")
    void sameText() {
        chunks("one ", "two ");
        printer.onRestart("r");
        chunks("on", "e two three ");
        assertThat(out).hasToString("one two three ");
        answer("one two three four");
        assertPrinted("one two three four\n");
    }

    @Test
    @DisplayName("Is printed on a new line when another attempt generates other text")
    void otherText() {
        chunks("one ", "two ");
        printer.onRestart("r");
        chunks("one ", "six ");
        answer("one six seven");
        assertPrinted("one two \none six seven\n");
    }

    @Test
    @DisplayName("Ends with the text of the result, if that is shorter or an event is missing")
    void resultDiffers() {
        chunks("one ", "two ");
        answer("one");
        assertPrinted("one two \none\n");
    }

    @Test
    @DisplayName("Is nothing, not even an empty line, if the request fails before its first token")
    void noText() {
        fail();
        assertPrinted("");
        chunks("one");
        fail();
        assertPrinted("one\n");
    }

    private void fail() {
        Provenance provenance = Provenance.rejected(new Provenance.Source("t", 0, 7), "base", "worker-1", 1);
        ErrorBody error = ErrorBody.invalidRequest("unknown_adapter", "model", "no adapter 'm'");
        ErrorResult message = ErrorResult.of("r", 1_700_000_000, Optional.of("m"), error, provenance);
        printer.onResult(new RequestResult("r", message, "{}"));
    }

    private void chunks(String... chunks) {
        for (String chunk : chunks) {
            printer.onText("r", 0, chunk);
        }
    }

    private void answer(String text) {
        CompletionResult message = SampleResults.completion("r", "m", text, new Provenance.Source("t", 0, 7));
        printer.onResult(new RequestResult("r", message, "{}"));
    }

    private void assertPrinted(String text) {
        assertThat(out.toString()).isEqualToNormalizingNewlines(text);
    }
}
