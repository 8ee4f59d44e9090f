package io.tidemark.torch;

import io.tidemark.torch.ScriptSource.Attribute;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Writes the archive that {@code torch::jit::load} reads, without Python: a zip with the text of a script, a pickle
 * with one object of its class, and a format version. PyTorch describes the layout in
 * {@code torch/csrc/jit/docs/serialization.md}.
 */
final class ScriptArchive {

    private static final byte[] FORMAT_VERSION = "10\n".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] EMPTY_TUPLE = {(byte) 0x80, 2, ')', '.'};

    private ScriptArchive() {}

    static byte[] pack(ScriptSource source) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            store(zip, "archive/data.pkl", new Pickle().object(source));
            store(zip, "archive/code/__torch__.py", source.text().getBytes(StandardCharsets.UTF_8));
            store(zip, "archive/constants.pkl", EMPTY_TUPLE);
            store(zip, "archive/version", FORMAT_VERSION);
        } catch (IOException e) {
            throw new UncheckedIOException("a zip in memory cannot fail", e);
        }
        return bytes.toByteArray();
    }

    /** Entries are stored without compression, because libtorch maps them in place. */
    private static void store(ZipOutputStream zip, String name, byte[] content) throws IOException {
        CRC32 crc = new CRC32();
        crc.update(content);
        ZipEntry entry = new ZipEntry(name);
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(content.length);
        entry.setCrc(crc.getValue());
        zip.putNextEntry(entry);
        zip.write(content);
        zip.closeEntry();
    }

    /**
     * Pickle protocol 2 as {@code torch/csrc/jit/serialization/unpickler.cpp} reads it. Lists carry the name of their
     * type, because an empty list has no element type.
     */
    private static final class Pickle {

        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        /** The pickle of an object of the class with the initial values of its attributes. */
        private byte[] object(ScriptSource source) {
            write(0x80, 2);
            global("__torch__", source.className());
            write(')', 0x81, '}', '(');
            text("training");
            write(0x89);
            for (Attribute attribute : source.attributes()) {
                text(attribute.name());
                initialValue(attribute.type());
            }
            write('u', 'b', '.');
            return bytes.toByteArray();
        }

        /** Zero, false, an empty list, or None in place of a tensor. */
        private void initialValue(String type) {
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
}
