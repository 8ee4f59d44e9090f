package io.tidemark.adapter.source;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** A running SHA-256 digest. Not thread-safe. */
final class Sha256 {

    private static final int BUFFER_BYTES = 1 << 16;

    private final MessageDigest digest;

    Sha256() {
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    static byte[] of(byte[] bytes) {
        Sha256 sha = new Sha256();
        sha.update(bytes, bytes.length);
        return sha.digest.digest();
    }

    void update(byte[] bytes, int length) {
        digest.update(bytes, 0, length);
    }

    void update(Path file) throws IOException {
        byte[] buffer = new byte[BUFFER_BYTES];
        try (InputStream in = Files.newInputStream(file)) {
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                digest.update(buffer, 0, read);
            }
        }
    }

    /** The digest so far in lower-case hex; ends the digest. */
    String hex() {
        return HexFormat.of().formatHex(digest.digest());
    }
}
