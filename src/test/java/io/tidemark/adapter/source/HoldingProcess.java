package io.tidemark.adapter.source;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** A process that holds an adapter of a hub until its input ends. Prints {@code held BYTES-DOWNLOADED}. */
final class HoldingProcess {

    private HoldingProcess() {}

    /** Arguments: cache folder, port of the server, name of the repository, digest. */
    public static void main(String[] arguments) throws Exception {
        try (AdapterFolders folders =
                        sources(Path.of(arguments[0]), arguments[1]).open();
                HeldFolder held = OpenSources.get(folders.hold(OpenSources.hub(arguments[2]), arguments[3]))) {
            System.out.println("held " + folders.stats().downloadedBytes() + " " + held.path());
            System.in.read();
        }
    }

    static Process start(Path cache, FileServer server, String name, AdapterBytes adapter) throws IOException {
        List<String> command = List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx64m",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                HoldingProcess.class.getName(),
                cache.toString(),
                Integer.toString(server.port()),
                name,
                adapter.digest());
        return new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    private static OpenSources sources(Path cache, String port) {
        return new OpenSources(cache).endpoint("http://127.0.0.1:" + port);
    }
}
