package io.tidemark.model;

import io.tidemark.model.SafetensorsHeader.Entry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads one file in the safetensors format (8 bytes of header length, a JSON header, the tensors' bytes without gaps).
 * Tensors are mapped, not copied.
 */
public final class SafetensorsFile {

    /** A hundred thousand tensors; the format itself allows 100 MB, and no model comes near. */
    private static final long MAX_HEADER_BYTES = 16L << 20;

    private SafetensorsFile() {}

    /**
     * @return the tensors by name, in the order of the file
     * @throws ModelRefused when the file is not sound, naming the tensor at fault
     */
    public static Map<String, StoredTensor> read(Path file) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            int headerBytes = headerLength(file, channel);
            ByteBuffer text = ByteBuffer.allocate(headerBytes);
            readFully(channel, text, Long.BYTES);
            List<Entry> entries = SafetensorsHeader.read(file, text.array());
            requireNoGaps(file, entries, channel.size() - Long.BYTES - headerBytes);
            return mapped(channel, Long.BYTES + headerBytes, entries);
        } catch (IOException e) {
            throw ModelRefused.broken(file, "could not be read: " + e.getMessage(), e);
        }
    }

    private static int headerLength(Path file, FileChannel channel) throws IOException {
        ByteBuffer length = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        readFully(channel, length, 0);
        long bytes = length.hasRemaining() ? -1 : length.getLong(0);
        if (bytes < 2 || bytes > MAX_HEADER_BYTES || Long.BYTES + bytes > channel.size()) {
            throw ModelRefused.broken(
                    file,
                    "is not a safetensors file: its header would have " + bytes + " bytes, in a file of "
                            + channel.size() + " (a header has " + MAX_HEADER_BYTES + " at most)");
        }
        return (int) bytes;
    }

    private static void requireNoGaps(Path file, List<Entry> entries, long bytes) {
        long end = 0;
        for (Entry entry : entries) {
            if (entry.begin() != end) {
                throw ModelRefused.broken(
                        file,
                        "tensor " + SafetensorsHeader.shown(entry.name()) + " begins at " + entry.begin() + ", not "
                                + end);
            }
            end = entry.end();
            if (end > bytes) {
                throw ModelRefused.broken(
                        file, "tensor " + SafetensorsHeader.shown(entry.name()) + " ends behind the end of the file");
            }
        }
        if (end != bytes) {
            throw ModelRefused.broken(file, "has " + (bytes - end) + " bytes that belong to no tensor");
        }
    }

    /** As few mappings as can be, each below 2 GiB: a system allows some ten thousand, and Java gives them up late. */
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
}
