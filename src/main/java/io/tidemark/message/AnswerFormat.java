package io.tidemark.message;

import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * What the text of a finished answer matches. An answer that {@code max_tokens}, a deadline or a cancellation cuts may
 * be the beginning of such a text.
 */
public sealed interface AnswerFormat {

    /** The bytes of the format in UTF-8, which {@code tidemark.limits.format-bytes} bounds; 0 for {@link FreeText}. */
    default long bytes() {
        return 0;
    }

    /** The answer may be any text. */
    record FreeText() implements AnswerFormat {}

    /** The answer is any JSON object. */
    record JsonObject() implements AnswerFormat {}

    /**
     * A JSON value that a schema accepts.
     *
     * @param schema the JSON Schema as JSON text, with the order of its keys
     */
    record JsonSchema(String schema) implements AnswerFormat {

        @Override
        public long bytes() {
            return utf8(schema);
        }
    }

    /**
     * A text that a regular expression matches from its first to its last character.
     *
     * @param regex the expression in the syntax of Rust's crate {@code regex}, as llguidance reads it
     */
    record Regex(String regex) implements AnswerFormat {

        @Override
        public long bytes() {
            return utf8(regex);
        }
    }

    /**
     * One of some texts.
     *
     * @param texts 1 or more, none empty, no two equal
     */
    record OneOfTexts(List<String> texts) implements AnswerFormat {

        public OneOfTexts {
            texts = List.copyOf(texts);
            if (texts.isEmpty()) {
                throw new IllegalArgumentException("a choice needs a text");
            }
        }

        @Override
        public long bytes() {
            return texts.stream().mapToLong(AnswerFormat::utf8).sum();
        }
    }

    /**
     * A text of a context-free grammar.
     *
     * @param lark the grammar in llguidance's dialect of Lark
     */
    record Grammar(String lark) implements AnswerFormat {

        @Override
        public long bytes() {
            return utf8(lark);
        }
    }

    private static long utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }
}
