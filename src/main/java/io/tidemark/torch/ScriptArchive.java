package io.tidemark.torch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Packs TorchScript text into the archive that {@code torch::jit::load} reads, so that no Python is needed: a zip with
 * stored entries that holds the text, a pickle with one object of the text's class, and a format version.
 * The layout is described in PyTorch's {@code torch/csrc/jit/docs/serialization.md}.
 */
final class ScriptArchive {

    private static final byte[] FORMAT_VERSION = "10\n".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] EMPTY_TUPLE = {(byte) 0x80, 2, ')', '.'};

    private ScriptArchive() {}

    static byte[] pack(ScriptSource source) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            store(zip, "archive/data.pkl", ModulePickle.of(source));
            store(zip, "archive/code/__torch__.py", source.text().getBytes(StandardCharsets.UTF_8));
            store(zip, "archive/constants.pkl", EMPTY_TUPLE);
            store(zip, "archive/version", FORMAT_VERSION);
        } catch (IOException e) {
            throw new UncheckedIOException("a zip in memory cannot fail", e);
        }
        return bytes.toByteArray();
    }

    /** libtorch maps entries in place, so they must be stored, not deflated. */
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
}
