package io.tidemark.model;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads a file in the safetensors format: 8 bytes with the length of the header, a JSON header, and the bytes of the
 * tensors without gaps. Tensors are mapped, not copied. The header is parsed token by token, so that a malformed one is
 * detected before it uses memory.
 */
public final class SafetensorsFile {

    /** How long a header may be: enough for a hundred thousand tensors. The format allows 100 MB. */
    private static final long MAX_HEADER_BYTES = 16L << 20;

    private SafetensorsFile() {}

    /**
     * @return the tensors by name, in the order of the file
     * @throws InvalidModelException if the file is malformed; the message names the tensor
     */
    public static Map<String, StoredTensor> read(Path file) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            int headerBytes = headerLength(file, channel);
            ByteBuffer text = ByteBuffer.allocate(headerBytes);
            readFully(channel, text, Long.BYTES);
            List<Entry> entries = Header.read(file, text.array());
            requireNoGaps(file, entries, channel.size() - Long.BYTES - headerBytes);
            return mapped(channel, Long.BYTES + headerBytes, entries);
        } catch (IOException e) {
            throw InvalidModelException.broken(file, "could not be read: " + e.getMessage(), e);
        }
    }

    private static int headerLength(Path file, FileChannel channel) throws IOException {
        ByteBuffer length = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        readFully(channel, length, 0);
        long bytes = length.hasRemaining() ? -1 : length.getLong(0);
        if (bytes < 2 || bytes > MAX_HEADER_BYTES || Long.BYTES + bytes > channel.size()) {
            throw InvalidModelException.broken(
                    file,
                    "is not a safetensors file: its header has " + bytes + " bytes, in a file of " + channel.size()
                            + " (a header has at most " + MAX_HEADER_BYTES + " bytes)");
        }
        return (int) bytes;
    }

    private static void requireNoGaps(Path file, List<Entry> entries, long bytes) {
        long end = 0;
        for (Entry entry : entries) {
            if (entry.begin() != end) {
                throw InvalidModelException.broken(
                        file, "tensor " + printable(entry.name()) + " begins at " + entry.begin() + ", not " + end);
            }
            end = entry.end();
            if (end > bytes) {
                throw InvalidModelException.broken(
                        file, "tensor " + printable(entry.name()) + " ends after the end of the file");
            }
        }
        if (end != bytes) {
            throw InvalidModelException.broken(file, "has " + (bytes - end) + " bytes that belong to no tensor");
        }
    }

    /**
     * Uses as few mappings as possible, each below 2 GiB: the number of mappings of a process is limited, and Java
     * unmaps late.
     */
    private static Map<String, StoredTensor> mapped(FileChannel channel, long start, List<Entry> entries)
            throws IOException {
        Map<String, StoredTensor> tensors = new LinkedHashMap<>();
        int next = 0;
        while (next < entries.size()) {
            int first = next;
            long begin = entries.get(first).begin();
            while (next < entries.size() && entries.get(next).end() - begin <= Integer.MAX_VALUE) {
                next++;
            }
            ByteBuffer window = channel.map(
                    FileChannel.MapMode.READ_ONLY,
                    start + begin,
                    entries.get(next - 1).end() - begin);
            for (Entry entry : entries.subList(first, next)) {
                ByteBuffer bytes = window.slice((int) (entry.begin() - begin), (int) (entry.end() - entry.begin()));
                tensors.put(entry.name(), new StoredTensor(entry.name(), entry.type(), entry.shape(), bytes));
            }
        }
        return tensors;
    }

    private static void readFully(FileChannel channel, ByteBuffer into, long position) throws IOException {
        while (into.hasRemaining()) {
            if (channel.read(into, position + into.position()) < 0) {
                return;
            }
        }
    }

    /** A tensor of the header; its bytes are {@code begin} to {@code end} after the header. */
    private record Entry(String name, ElementType type, List<Long> shape, long begin, long end) {}

    /** Text from a file for an error message: one line of limited length. */
    private static String printable(String text) {
        String line = text.replaceAll("\\p{Cntrl}", "?");
        return line.length() <= 200 ? line : line.substring(0, 200) + "…";
    }

    /** Parses the JSON header. */
    private static final class Header {

        private static final JsonFactory JSON = JsonFactory.builder()
                .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                .build();
        private static final int MAX_DIMENSIONS = 8;

        private final Path file;
        private final JsonParser parser;

        private Header(Path file, JsonParser parser) {
            this.file = file;
            this.parser = parser;
        }

        /**
         * @return the tensors in the order of their bytes
         * @throws InvalidModelException if the header is malformed; the message names the tensor
         */
        static List<Entry> read(Path file, byte[] text) throws IOException {
            try (JsonParser parser = JSON.createParser(text)) {
                return new Header(file, parser).entries();
            } catch (JsonProcessingException e) {
                throw InvalidModelException.broken(
                        file,
                        "its header is not JSON: "
                                + e.getOriginalMessage().lines().findFirst().orElse(""),
                        e);
            }
        }

        private List<Entry> entries() throws IOException {
            List<Entry> entries = new ArrayList<>();
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw InvalidModelException.broken(file, "its header is not a JSON object");
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
                throw InvalidModelException.broken(file, "its header continues after its end");
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
                    case "shape" -> shape = numbers(name, MAX_DIMENSIONS);
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
                        "has the bytes " + begin + " to " + end + ", but its shape needs " + bytes
                                + " of them (at most " + Integer.MAX_VALUE + ")");
            }
            return new Entry(name, type, shape, begin, end);
        }

        private ElementType type(String tensor) throws IOException {
            String name = parser.getValueAsString("");
            try {
                return ElementType.valueOf(name);
            } catch (IllegalArgumentException e) {
                throw InvalidModelException.unsupported(file, "dtype of " + printable(tensor), printable(name));
            }
        }

        /** Whole numbers of at least 0. */
        private List<Long> numbers(String tensor, int max) throws IOException {
            if (parser.currentToken() != JsonToken.START_ARRAY) {
                throw broken(tensor, "lacks the numbers of shape or data_offsets");
            }
            List<Long> numbers = new ArrayList<>();
            while (parser.nextToken() != JsonToken.END_ARRAY) {
                if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT || numbers.size() == max) {
                    throw broken(tensor, "has shape or data_offsets that are not " + max + " whole numbers or fewer");
                }
                long number = parser.getLongValue();
                if (number < 0) {
                    throw broken(tensor, "has a negative number in shape or data_offsets: " + number);
                }
                numbers.add(number);
            }
            return numbers;
        }

        private InvalidModelException broken(String tensor, String problem) {
            return InvalidModelException.broken(file, "tensor " + printable(tensor) + " " + problem);
        }
    }
}
