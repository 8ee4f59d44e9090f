package io.tidemark.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.cli.console.CommandException;
import io.tidemark.grammar.CompiledGrammar;
import io.tidemark.grammar.GrammarCompiler;
import io.tidemark.grammar.GrammarException;
import io.tidemark.grammar.GrammarLimits;
import io.tidemark.grammar.GrammarUnavailableException;
import io.tidemark.grammar.TokenBytes;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.FormatFields;
import io.tidemark.message.Parsed;
import io.tidemark.message.RequestMessage;
import io.tidemark.model.ModelConfig;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** The format of the answer; a user gives at most one of the options. */
final class FormatOptions {

    /** The size limit with which a request is parsed. No format reaches it. */
    private static final int MAX_BYTES = 64 << 20;

    @Option(
            names = "--json-schema",
            paramLabel = "FILE",
            description = "A finished answer is JSON that the JSON Schema in this file accepts.")
    private Optional<Path> schema = Optional.empty();

    @Option(names = "--json-object", description = "A finished answer is a JSON object.")
    private boolean object;

    @Option(
            names = "--regex",
            paramLabel = "REGEX",
            description = "A finished answer matches this expression from its first to its last character.")
    private Optional<String> regex = Optional.empty();

    @Option(
            names = "--choice",
            paramLabel = "TEXT",
            converter = PromptOptions.LineBreaks.class,
            description = "A finished answer is this text, or another --choice; may be repeated.")
    private List<String> choices = new ArrayList<>();

    @Option(
            names = "--grammar",
            paramLabel = "FILE",
            description = "A finished answer is a text of the grammar in this file, in llguidance's dialect of Lark.")
    private Optional<Path> grammar = Optional.empty();

    /** Sets the format in a request that has none. */
    void fill(ObjectNode request) {
        if (!request.has("response_format") && !request.has("structured_outputs")) {
            if (object) {
                request.putObject("response_format").put("type", "json_object");
            }
            schema.ifPresent(file -> structured(request).put("json", PromptOptions.read(file)));
            regex.ifPresent(text -> structured(request).put("regex", text));
            grammar.ifPresent(file -> structured(request).put("grammar", PromptOptions.read(file)));
            if (!choices.isEmpty()) {
                choices.forEach(structured(request).putArray("choice")::add);
            }
        }
    }

    /** The name of the option that gives the format; empty for free text. */
    Optional<String> given() {
        return schema.map(file -> "--json-schema")
                .or(() -> object ? Optional.of("--json-object") : Optional.empty())
                .or(() -> regex.map(text -> "--regex"))
                .or(() -> choices.isEmpty() ? Optional.empty() : Optional.of("--choice"))
                .or(() -> grammar.map(file -> "--grammar"));
    }

    /**
     * The grammar of the format, for a model of this process. The caller closes it, or ends the process.
     *
     * @param folder the folder of the model, which has the tokenizer
     * @return empty for free text
     * @throws CommandException if a service would refuse the format; the message names the option
     */
    Optional<CompiledGrammar> compiled(Path folder, ModelConfig config) {
        if (given().isEmpty()) {
            return Optional.empty();
        }
        FormatFields answer = parsed();
        try (GrammarCompiler compiler = GrammarCompiler.open(
                TokenBytes.read(folder, config.vocabularySize(), config.endOfSequence()), GrammarLimits.DEFAULT)) {
            return Optional.of(compiler.compile(answer.format()));
        } catch (GrammarException e) {
            throw new CommandException(given().orElseThrow() + ": " + e.code() + ": " + e.getMessage(), e);
        } catch (GrammarUnavailableException e) {
            throw new CommandException("the format can't be enforced: " + e.getMessage(), e);
        }
    }

    /** The format as a service reads it. */
    private FormatFields parsed() {
        ObjectNode request =
                JsonNodeFactory.instance.objectNode().put("model", "m").put("prompt", "p");
        fill(request);
        Parsed<RequestMessage> parsed =
                RequestMessage.parse(request.toString().getBytes(StandardCharsets.UTF_8), MAX_BYTES);
        if (parsed instanceof Parsed.Invalid<RequestMessage> invalid) {
            ErrorBody error = invalid.error();
            throw new CommandException(given().orElseThrow() + ": " + error.code() + ": " + error.message());
        }
        return ((Parsed.Valid<RequestMessage>) parsed).record().answer();
    }

    private static ObjectNode structured(ObjectNode request) {
        return request.putObject("structured_outputs");
    }
}
