package io.tidemark.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The {@code decoder} of a {@code tokenizer.json}, token by token: the steps of Hugging Face's tokenizers library. */
final class TokenDecoder {

    private static final Pattern BYTE = Pattern.compile("<0x([0-9A-Fa-f]{2})>");

    private final List<Step> steps;

    private TokenDecoder(List<Step> steps) {
        this.steps = steps;
    }

    /** @throws GrammarUnavailableException if a step is of an unsupported kind */
    static TokenDecoder read(JsonNode decoder, Path file) {
        List<Step> steps = new ArrayList<>();
        add(decoder, steps, file);
        return new TokenDecoder(List.copyOf(steps));
    }

    private static void add(JsonNode decoder, List<Step> steps, Path file) {
        String type = decoder.path("type").asText();
        switch (type) {
            case "Sequence" -> decoder.path("decoders").forEach(each -> add(each, steps, file));
            case "ByteLevel" -> steps.add(new ByteLevel());
            case "ByteFallback" -> steps.add(new ByteFallback());
            case "Fuse" -> steps.add(new Fuse());
            case "Replace" -> {
                JsonNode pattern = decoder.path("pattern").path("String");
                if (!pattern.isTextual() || pattern.textValue().isEmpty()) {
                    throw unsupported("Replace without a string", file);
                }
                steps.add(
                        new Replace(pattern.textValue(), decoder.path("content").asText()));
            }
            case "Strip" -> {
                int start = decoder.path("start").intValue();
                boolean fused = steps.stream().anyMatch(Fuse.class::isInstance);
                if (start > 1 || decoder.path("stop").intValue() > 0 || !fused) {
                    throw unsupported("Strip of more than the first character of a text", file);
                }
                if (start == 1) {
                    steps.add(new StripStart(decoder.path("content").asText().getBytes(StandardCharsets.UTF_8)));
                }
            }
            case "Metaspace" ->
                steps.add(new Metaspace(
                        decoder.path("replacement").asText("\u2581"),
                        !decoder.path("prepend_scheme").asText("always").equals("never")
                                && decoder.path("add_prefix_space").asBoolean(true)));
            default -> throw unsupported(type.isEmpty() ? "no decoder" : type, file);
        }
    }

    private static GrammarUnavailableException unsupported(String what, Path file) {
        return new GrammarUnavailableException(
                "answers can't have a format with this tokenizer: its decoder has " + what + " (" + file + ")");
    }

    /** The bytes of a token, which is the first of a text or a later one. */
    byte[] bytes(String token, boolean first) {
        Part part = new Part(token, null);
        for (Step step : steps) {
            part = step.apply(part, first);
        }
        return part.toBytes();
    }

    /** Text, or the bytes that a step has made of it. */
    private record Part(String text, byte[] bytes) {

        byte[] toBytes() {
            return bytes == null ? text.getBytes(StandardCharsets.UTF_8) : bytes;
        }
    }

    private sealed interface Step {
        Part apply(Part part, boolean first);
    }

    /** Each character stands for a byte; a token with other characters is text. */
    private record ByteLevel() implements Step {

        private static final int[] BYTES = bytesOfCharacters();

        @Override
        public Part apply(Part part, boolean first) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            for (char character : part.text().toCharArray()) {
                int each = character < BYTES.length ? BYTES[character] : -1;
                if (each < 0) {
                    return new Part(part.text(), part.text().getBytes(StandardCharsets.UTF_8));
                }
                bytes.write(each);
            }
            return new Part(part.text(), bytes.toByteArray());
        }

        /** GPT-2's table: printable bytes are their own characters, the others follow from U+0100. */
        private static int[] bytesOfCharacters() {
            int[] table = new int[0x100 + 68];
            Arrays.fill(table, -1);
            int next = 0x100;
            for (int each = 0; each < 256; each++) {
                boolean printable =
                        each >= '!' && each <= '~' || each >= 0xA1 && each <= 0xAC || each >= 0xAE && each <= 0xFF;
                table[printable ? each : next++] = each;
            }
            return table;
        }
    }

    /** {@code <0x0A>} is a byte. */
    private record ByteFallback() implements Step {
        @Override
        public Part apply(Part part, boolean first) {
            Matcher matcher = BYTE.matcher(part.text());
            return part.bytes() == null && matcher.matches()
                    ? new Part("", new byte[] {(byte) Integer.parseInt(matcher.group(1), 16)})
                    : part;
        }
    }

    /** Joins all tokens, so that the steps after it see one text. */
    private record Fuse() implements Step {
        @Override
        public Part apply(Part part, boolean first) {
            return part;
        }
    }

    private record Replace(String pattern, String content) implements Step {
        @Override
        public Part apply(Part part, boolean first) {
            return part.bytes() == null ? new Part(part.text().replace(pattern, content), null) : part;
        }
    }

    /** Drops one character at the start of a text. */
    private record StripStart(byte[] content) implements Step {
        @Override
        public Part apply(Part part, boolean first) {
            byte[] bytes = part.toBytes();
            boolean strips = first
                    && bytes.length >= content.length
                    && Arrays.equals(bytes, 0, content.length, content, 0, content.length);
            return strips ? new Part("", Arrays.copyOfRange(bytes, content.length, bytes.length)) : part;
        }
    }

    /** Spaces; the first token of a text loses all of them. */
    private record Metaspace(String replacement, boolean prepends) implements Step {
        @Override
        public Part apply(Part part, boolean first) {
            return part.bytes() == null
                    ? new Part(part.text().replace(replacement, first && prepends ? "" : " "), null)
                    : part;
        }
    }
}
