package io.tidemark.adapter;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/** The name of an adapter's version: SHA-256 in hex over the bytes of its config, then of its weights file. */
public final class AdapterDigest {

    private AdapterDigest() {}

    /** @throws AdapterRefused when a file is missing or unreadable */
    public static String of(Path folder) {
        MessageDigest digest = sha256();
        for (String name : List.of(AdapterReader.CONFIG, AdapterReader.WEIGHTS)) {
            Path file = folder.resolve(name);
            try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
                in.transferTo(OutputStream.nullOutputStream());
            } catch (IOException e) {
                throw AdapterRefused.broken(file, "could not be read", e);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
