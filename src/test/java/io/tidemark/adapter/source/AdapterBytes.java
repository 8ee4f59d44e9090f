package io.tidemark.adapter.source;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;

/** The files of an adapter. What they mean does not matter to a source. */
record AdapterBytes(byte[] config, byte[] weights) {

    static AdapterBytes of(int seed, int bytes) {
        byte[] weights = new byte[bytes];
        new Random(seed).nextBytes(weights);
        return new AdapterBytes(("{\"r\":" + seed + "}").getBytes(StandardCharsets.UTF_8), weights);
    }

    String digest() {
        Sha256 sha = new Sha256();
        sha.update(config, config.length);
        sha.update(weights, weights.length);
        return sha.hex();
    }

    int bytes() {
        return config.length + weights.length;
    }

    Path write(Path folder) throws IOException {
        Files.createDirectories(folder);
        Files.write(folder.resolve(AdapterFiles.CONFIG), config);
        Files.write(folder.resolve(AdapterFiles.WEIGHTS), weights);
        return folder;
    }
}
