package io.tidemark.model;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** The JSON header of a safetensors file, read token by token: what is wrong is found before it takes memory. */
final class SafetensorsHeader {

    private static final JsonFactory JSON = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();
    private static final int MOST_DIMENSIONS = 8;

    private final Path file;
    private final JsonParser parser;

    private SafetensorsHeader(Path file, JsonParser parser) {
        this.file = file;
        this.parser = parser;
    }

    /**
     * A tensor as the header describes it; its bytes are {@code begin} to {@code end} behind the header.
     */
    record Entry(String name, ElementType type, List<Long> shape, long begin, long end) {}

    /**
     * @return the tensors in the order of their bytes
     * @throws ModelRefused when the header is not sound, naming the tensor at fault
     */
    static List<Entry> read(Path file, byte[] text) throws IOException {
        try (JsonParser parser = JSON.createParser(text)) {
            return new SafetensorsHeader(file, parser).entries();
        } catch (JsonProcessingException e) {
            throw ModelRefused.broken(
                    file,
                    "its header is not JSON: "
                            + e.getOriginalMessage().lines().findFirst().orElse(""),
                    e);
        }
    }

    private List<Entry> entries() throws IOException {
        List<Entry> entries = new ArrayList<>();
        if (parser.nextToken() != JsonToken.START_OBJECT) {
            throw ModelRefused.broken(file, "its header is not a JSON object");
        }
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String name = parser.currentName();
            parser.nextToken();
            if (name.equals("__metadata__")) {
                parser.skipChildren();
            } else {
                entries.add(entry(name));
            }
        }
        if (parser.nextToken() != null) {
            throw ModelRefused.broken(file, "its header goes on behind its end");
        }
        entries.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
        return entries;
    }

    private Entry entry(String name) throws IOException {
        if (parser.currentToken() != JsonToken.START_OBJECT) {
            throw broken(name, "is not described by an object");
        }
        ElementType type = null;
        List<Long> shape = null;
        List<Long> offsets = null;
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String field = parser.currentName();
            parser.nextToken();
            switch (field) {
                case "dtype" -> type = type(name);
                case "shape" -> shape = numbers(name, MOST_DIMENSIONS);
                case "data_offsets" -> offsets = numbers(name, 2);
                default -> parser.skipChildren();
            }
        }
        if (type == null || shape == null || offsets == null || offsets.size() != 2) {
            throw broken(name, "lacks dtype, shape or data_offsets");
        }
        return entry(name, type, shape, offsets.get(0), offsets.get(1));
    }

    private Entry entry(String name, ElementType type, List<Long> shape, long begin, long end) {
        long bytes = type.bytes();
        try {
            for (long size : shape) {
                bytes = Math.multiplyExact(bytes, size);
            }
        } catch (ArithmeticException e) {
            throw broken(name, "is too large: " + shape);
        }
        if (end < begin || end - begin != bytes || bytes > Integer.MAX_VALUE) {
            throw broken(
                    name,
                    "has the bytes " + begin + " to " + end + " where its shape asks for " + bytes
                            + " of them (at most " + Integer.MAX_VALUE + ")");
        }
        return new Entry(name, type, shape, begin, end);
    }

    private ElementType type(String tensor) throws IOException {
        String name = parser.getValueAsString("");
        try {
            return ElementType.valueOf(name);
        } catch (IllegalArgumentException e) {
            throw ModelRefused.unsupported(file, "dtype of " + shown(tensor), shown(name));
        }
    }

    /** Whole numbers of at least 0. */
    private List<Long> numbers(String tensor, int most) throws IOException {
        if (parser.currentToken() != JsonToken.START_ARRAY) {
            throw broken(tensor, "lacks the numbers of shape or data_offsets");
        }
        List<Long> numbers = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT || numbers.size() == most) {
                throw broken(tensor, "has shape or data_offsets that are not " + most + " whole numbers or fewer");
            }
            long number = parser.getLongValue();
            if (number < 0) {
                throw broken(tensor, "has a negative number in shape or data_offsets: " + number);
            }
            numbers.add(number);
        }
        return numbers;
    }

    private ModelRefused broken(String tensor, String what) {
        return ModelRefused.broken(file, "tensor " + shown(tensor) + " " + what);
    }

    /** Names come from strangers, and an error is a line. */
    static String shown(String text) {
        String line = text.replaceAll("\\p{Cntrl}", "?");
        return line.length() <= 200 ? line : line.substring(0, 200) + "…";
    }
}
