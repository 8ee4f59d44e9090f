package io.tidemark.library;

import com.sun.jna.Library;
import com.sun.jna.Native;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Set;
import java.util.function.ToIntFunction;

/**
 * A native library of {@code native/}, through JNA. It is a resource with its digest. A copy in the folder of {@code
 * jna.boot.library.path}, where an image has its unpacked libraries, is used in place; otherwise a temporary file is
 * loaded and deleted. Either must have the digest.
 *
 * @param file name of the resource
 */
public record LibraryResource(String file) {

    private static final String FOLDER = "/native/linux-x86_64/";
    private static final Set<String> ARCHITECTURES = Set.of("amd64", "x86_64");

    /** Whether there are libraries for a platform, Linux on x86-64, by the values of os.name and os.arch. */
    public static boolean supports(String system, String architecture) {
        return system.equals("Linux") && ARCHITECTURES.contains(architecture);
    }

    /** Whether there are libraries for the platform of this process. */
    public static boolean supportsPlatform() {
        return supports(System.getProperty("os.name"), System.getProperty("os.arch"));
    }

    /**
     * Loads the library.
     *
     * @param functions its functions
     * @param version   the one that gives the version of the others
     * @param expected  the version of the others that {@code functions} describes
     * @throws IOException if the library is missing, or has another digest or version
     * @throws LinkageError if the system can't load it
     */
    public <T extends Library> T load(Class<T> functions, ToIntFunction<T> version, int expected) throws IOException {
        String digest = new String(resource(file + ".sha256"), StandardCharsets.US_ASCII)
                .strip()
                .split(" ")[0];
        String unpacked = System.getProperty("jna.boot.library.path");
        if (unpacked != null && Files.isRegularFile(Path.of(unpacked, file))) {
            Path path = Path.of(unpacked, file).toAbsolutePath();
            verify(Files.readAllBytes(path), digest, path.toString());
            return load(path, functions, version, expected);
        }
        byte[] library = resource(file);
        verify(library, digest, "the resource " + FOLDER + file);
        Path path = Files.createTempFile("tidemark-", "-" + file);
        try {
            Files.write(path, library);
            return load(path, functions, version, expected);
        } finally {
            Files.delete(path);
        }
    }

    private <T extends Library> T load(Path path, Class<T> functions, ToIntFunction<T> version, int expected)
            throws IOException {
        T loaded = Native.load(path.toString(), functions);
        int actual = version.applyAsInt(loaded); // JNA loads the library here at the latest
        if (actual != expected) {
            throw new IOException(file + " has version " + actual + " instead of " + expected);
        }
        return loaded;
    }

    private static byte[] resource(String name) throws IOException {
        try (InputStream stream = LibraryResource.class.getResourceAsStream(FOLDER + name)) {
            if (stream == null) {
                throw new IOException("the resource " + FOLDER + name + " is missing");
            }
            return stream.readAllBytes();
        }
    }

    /** @throws IOException if the bytes have another digest */
    void verify(byte[] library, String digest, String name) throws IOException {
        try {
            byte[] actual = MessageDigest.getInstance("SHA-256").digest(library);
            if (!HexFormat.of().formatHex(actual).equals(digest)) {
                throw new IOException(name + " does not have the digest in " + FOLDER + file + ".sha256");
            }
        } catch (NoSuchAlgorithmException e) {
            throw new IOException(e);
        }
    }
}
