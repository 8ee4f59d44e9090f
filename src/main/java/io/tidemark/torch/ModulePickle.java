package io.tidemark.torch;

import io.tidemark.torch.ScriptSource.Attribute;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * The pickle (protocol 2) of a module object in its first state, as {@code torch/csrc/jit/serialization/unpickler.cpp}
 * reads it. Lists carry their type's name, because an empty one does not say what it may hold.
 */
final class ModulePickle {

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    private ModulePickle() {}

    static byte[] of(ScriptSource source) {
        ModulePickle pickle = new ModulePickle();
        pickle.object(source);
        return pickle.bytes.toByteArray();
    }

    private void object(ScriptSource source) {
        write(0x80, 2);
        global("__torch__", source.className());
        write(')', 0x81, '}', '(');
        text("training");
        write(0x89);
        for (Attribute attribute : source.attributes()) {
            text(attribute.name());
            start(attribute.type());
        }
        write('u', 'b', '.');
    }

    /** The value of an attribute until a method sets it: an empty list, zero, false, or none in place of a tensor. */
    private void start(String type) {
        switch (type) {
            case "int" -> write('K', 0);
            case "float" -> write('G', 0, 0, 0, 0, 0, 0, 0, 0);
            case "bool" -> write(0x89);
            case "Tensor" -> write('N');
            default -> emptyList(type);
        }
    }

    private void emptyList(String type) {
        global("torch.jit._pickle", "restore_type_tag");
        write('(', ']');
        text(type);
        write('t', 'R');
    }

    private void global(String module, String name) {
        bytes.writeBytes(("c" + module + "\n" + name + "\n").getBytes(StandardCharsets.US_ASCII));
    }

    private void text(String value) {
        byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
        write('X');
        bytes.writeBytes(ByteBuffer.allocate(Integer.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(utf8.length)
                .array());
        bytes.writeBytes(utf8);
    }

    private void write(int... opcodes) {
        for (int opcode : opcodes) {
            bytes.write(opcode);
        }
    }
}
