package io.tidemark.torch;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes {@code calls.jsonl}, one line for each thing that happened, {@code data.bin} with the numbers of tensors
 * (little-endian), and the archive of each script. {@code tools/gpu_check.py} repeats it. Any thread may call.
 */
final class Recording implements Recorder {

    private final Path folder;
    private final ObjectMapper json = new ObjectMapper();
    private final BufferedWriter calls;
    private final RecordedNumbers data;
    private final Map<Object, Integer> numbers = new IdentityHashMap<>();
    private int next;

    Recording(Path folder) {
        try {
            this.folder = Files.createDirectories(folder);
            this.calls = Files.newBufferedWriter(folder.resolve("calls.jsonl"));
            this.data = new RecordedNumbers(folder.resolve("data.bin"));
        } catch (IOException e) {
            throw new UncheckedIOException("no recording can be written to " + folder, e);
        }
    }

    @Override
    public synchronized void loaded(Script script, String name, byte[] archive) {
        try {
            Files.write(folder.resolve(name + ".pt"), archive);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        line(json.createObjectNode().put("script", number(script)).put("file", name + ".pt"));
    }

    @Override
    public synchronized void made(Value value, String kind, Object content) {
        ObjectNode line = json.createObjectNode().put("make", kind).put("id", number(value));
        line(with(line, kind, content));
    }

    @Override
    public synchronized void listed(Value list, List<Value> members) {
        line(json.createObjectNode().put("id", number(list)).set("list", json.valueToTree(known(members))));
    }

    @Override
    public synchronized void called(Value result, Script script, String method, List<Value> arguments) {
        line(json.createObjectNode()
                .put("call", method)
                .put("of", known(script))
                .put("id", number(result))
                .set("arguments", json.valueToTree(known(arguments))));
    }

    @Override
    public synchronized void members(Value list, List<Value> members) {
        line(json.createObjectNode()
                .put("members", known(list))
                .set("ids", json.valueToTree(members.stream().map(this::number).toList())));
    }

    @Override
    public synchronized void read(Value value, String kind, Object content) {
        line(with(json.createObjectNode().put("read", known(value)).put("kind", kind), kind, content));
    }

    @Override
    public synchronized void closed(Value value) {
        line(json.createObjectNode().put("drop", known(value)));
        numbers.remove(value);
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

    private ObjectNode with(ObjectNode line, String kind, Object content) {
        if (kind.equals("literal")) {
            return line.set("value", json.valueToTree(content));
        }
        RecordedNumbers.Place place = data.append(content);
        return line.put("at", place.at()).put("bytes", place.bytes());
    }

    private int number(Object thing) {
        numbers.put(thing, next);
        return next++;
    }

    private int known(Object thing) {
        return numbers.getOrDefault(thing, -1);
    }

    private List<Integer> known(List<Value> values) {
        return values.stream().map(this::known).toList();
    }

    private void line(ObjectNode line) {
        try {
            calls.write(json.writeValueAsString(line));
            calls.newLine();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
