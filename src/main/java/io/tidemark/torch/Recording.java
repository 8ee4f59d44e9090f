package io.tidemark.torch;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedOutputStream;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes calls and values to a folder: {@code calls.jsonl} with a line per event, {@code data.bin} with the content of
 * tensors (little-endian), and the archive of each script. {@code tools/gpu_check.py} repeats a recording. Safe for use
 * by several threads.
 */
final class Recording implements Recorder {

    private final Path folder;
    private final ObjectMapper json = new ObjectMapper();
    private final BufferedWriter calls;
    private final OutputStream data;
    private final Map<Object, Integer> ids = new IdentityHashMap<>();
    private int nextId;
    private long dataBytes;

    Recording(Path folder) {
        try {
            this.folder = Files.createDirectories(folder);
            this.calls = Files.newBufferedWriter(folder.resolve("calls.jsonl"));
            this.data = new BufferedOutputStream(Files.newOutputStream(folder.resolve("data.bin")));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write a recording to " + folder, e);
        }
    }

    @Override
    public synchronized void loaded(Script script, String name, byte[] archive) {
        try {
            Files.write(folder.resolve(name + ".pt"), archive);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        write(json.createObjectNode().put("script", newId(script)).put("file", name + ".pt"));
    }

    @Override
    public synchronized void created(Value value, String kind, Object content) {
        ObjectNode line = json.createObjectNode().put("make", kind).put("id", newId(value));
        write(withContent(line, kind, content));
    }

    @Override
    public synchronized void listed(Value list, List<Value> members) {
        write(json.createObjectNode().put("id", newId(list)).set("list", json.valueToTree(ids(members))));
    }

    @Override
    public synchronized void called(Value result, Script script, String method, List<Value> arguments) {
        write(json.createObjectNode()
                .put("call", method)
                .put("of", id(script))
                .put("id", newId(result))
                .set("arguments", json.valueToTree(ids(arguments))));
    }

    @Override
    public synchronized void members(Value list, List<Value> members) {
        write(json.createObjectNode()
                .put("members", id(list))
                .set("ids", json.valueToTree(members.stream().map(this::newId).toList())));
    }

    @Override
    public synchronized void read(Value value, String kind, Object content) {
        write(withContent(json.createObjectNode().put("read", id(value)).put("kind", kind), kind, content));
    }

    @Override
    public synchronized void closed(Value value) {
        write(json.createObjectNode().put("drop", id(value)));
        ids.remove(value);
    }

    @Override
    public synchronized void end() {
        try {
            calls.close();
            data.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Adds a literal, or the place of a tensor's content in {@code data.bin}. */
    private ObjectNode withContent(ObjectNode line, String kind, Object content) {
        if (kind.equals("literal")) {
            return line.set("value", json.valueToTree(content));
        }
        byte[] bytes = bytes(content);
        try {
            data.write(bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        line.put("at", dataBytes).put("bytes", bytes.length);
        dataBytes += bytes.length;
        return line;
    }

    private void write(ObjectNode line) {
        try {
            calls.write(json.writeValueAsString(line));
            calls.newLine();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private int newId(Object object) {
        ids.put(object, nextId);
        return nextId++;
    }

    /** -1 for an object that was not recorded. */
    private int id(Object object) {
        return ids.getOrDefault(object, -1);
    }

    private List<Integer> ids(List<Value> values) {
        return values.stream().map(this::id).toList();
    }

    private static byte[] bytes(Object content) {
        if (content instanceof ByteBuffer buffer) {
            byte[] bytes = new byte[buffer.remaining()];
            buffer.duplicate().get(bytes);
            return bytes;
        }
        if (content instanceof long[] longs) {
            ByteBuffer bytes = littleEndian(longs.length * Long.BYTES);
            bytes.asLongBuffer().put(longs);
            return bytes.array();
        }
        if (content instanceof float[] floats) {
            ByteBuffer bytes = littleEndian(floats.length * Float.BYTES);
            bytes.asFloatBuffer().put(floats);
            return bytes.array();
        }
        double[] doubles = (double[]) content;
        ByteBuffer bytes = littleEndian(doubles.length * Double.BYTES);
        bytes.asDoubleBuffer().put(doubles);
        return bytes.array();
    }

    private static ByteBuffer littleEndian(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
