package io.tidemark.model;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
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
 * Reads one file in the safetensors format (8 bytes of header length, a JSON header, the tensors' bytes without gaps).
 * Tensors are mapped, not copied.
 */
public final class SafetensorsFile {

    /** The limit that the format's own reader has. */
    private static final long MAX_HEADER_BYTES = 100_000_000;

    private SafetensorsFile() {
    }

    /**
     * @return the tensors by name, in the order of the file
     * @throws ModelRefused when the file is not sound, naming the tensor at fault
     */
    public static Map<String, StoredTensor> read(Path file) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long headerBytes = headerLength(file, channel);
            JsonNode header = header(file, channel, headerBytes);
            long start = Long.BYTES + headerBytes;
            Map<String, StoredTensor> tensors = new LinkedHashMap<>();
            long end = 0;
            for (Entry entry : entries(file, header)) {
                if (entry.begin() != end) {
                    throw ModelRefused.broken(file, "tensor " + entry.name() + " begins at " + entry.begin() + ", not " + end);
                }
                end = entry.end();
                if (start + end > channel.size()) {
                    throw ModelRefused.broken(file, "tensor " + entry.name() + " ends behind the end of the file");
                }
                ByteBuffer bytes = channel.map(FileChannel.MapMode.READ_ONLY, start + entry.begin(), end - entry.begin());
                tensors.put(entry.name(), new StoredTensor(entry.name(), entry.type(), entry.shape(), bytes));
            }
            if (start + end != channel.size()) {
                throw ModelRefused.broken(file, "has " + (channel.size() - start - end) + " bytes that belong to no tensor");
            }
            return tensors;
        } catch (IOException e) {
            throw ModelRefused.broken(file, "could not be read", e);
        }
    }

    private static long headerLength(Path file, FileChannel channel) throws IOException {
        ByteBuffer length = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        readFully(channel, length, 0);
        long bytes = length.hasRemaining() ? -1 : length.getLong(0);
        if (bytes < 2 || bytes > MAX_HEADER_BYTES || Long.BYTES + bytes > channel.size()) {
            throw ModelRefused.broken(file, "is not a safetensors file: its header would have " + bytes + " bytes");
        }
        return bytes;
    }

    private static JsonNode header(Path file, FileChannel channel, long bytes) throws IOException {
        ByteBuffer text = ByteBuffer.allocate((int) bytes);
        readFully(channel, text, Long.BYTES);
        try {
            JsonNode header = new ObjectMapper().readTree(text.array());
            if (!header.isObject()) {
                throw ModelRefused.broken(file, "its header is not a JSON object");
            }
            return header;
        } catch (JsonProcessingException e) {
            throw ModelRefused.broken(file, "its header is not JSON", e);
        }
    }

    private static List<Entry> entries(Path file, JsonNode header) {
        List<Entry> entries = new ArrayList<>();
        header.properties().forEach(field -> {
            if (!field.getKey().equals("__metadata__")) {
                entries.add(Entry.of(file, field.getKey(), field.getValue()));
            }
        });
        entries.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
        return entries;
    }

    private static void readFully(FileChannel channel, ByteBuffer into, long position) throws IOException {
        while (into.hasRemaining()) {
            if (channel.read(into, position + into.position()) < 0) {
                return;
            }
        }
    }

    private record Entry(String name, ElementType type, List<Long> shape, long begin, long end) {

        static Entry of(Path file, String name, JsonNode node) {
            ElementType type = type(file, name, node.path("dtype").asText());
            JsonNode offsets = node.path("data_offsets");
            if (!offsets.path(0).isIntegralNumber() || !offsets.path(1).isIntegralNumber() || !node.path("shape").isArray()) {
                throw ModelRefused.broken(file, "tensor " + name + " lacks shape or data_offsets");
            }
            List<Long> shape = new ArrayList<>();
            long bytes = type.bytes();
            try {
                for (JsonNode size : node.path("shape")) {
                    if (!size.canConvertToLong() || size.longValue() < 0) {
                        throw ModelRefused.broken(file, "tensor " + name + " has the size " + size);
                    }
                    shape.add(size.longValue());
                    bytes = Math.multiplyExact(bytes, size.longValue());
                }
            } catch (ArithmeticException e) {
                throw ModelRefused.broken(file, "tensor " + name + " is too large", e);
            }
            long begin = offsets.get(0).longValue();
            long end = offsets.get(1).longValue();
            if (begin < 0 || end - begin != bytes || bytes > Integer.MAX_VALUE) {
                throw ModelRefused.broken(file, "tensor " + name + " has " + (end - begin) + " bytes where its shape asks for "
                        + bytes + " (at most " + Integer.MAX_VALUE + ")");
            }
            return new Entry(name, type, shape, begin, end);
        }

        private static ElementType type(Path file, String tensor, String name) {
            try {
                return ElementType.valueOf(name);
            } catch (IllegalArgumentException e) {
                throw ModelRefused.unsupported(file, "dtype of " + tensor, name);
            }
        }
    }
}
