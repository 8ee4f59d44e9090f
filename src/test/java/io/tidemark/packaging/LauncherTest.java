package io.tidemark.packaging;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The launcher bin/tidemark")
class LauncherTest {

    /** Size of a class data archive that serve writes, in bytes. */
    private static final int WHOLE = 80_000_000;

    @TempDir
    private Path work;

    private Path install;
    private Path elsewhere;

    /** An unpacked distribution whose java is a script that prints its arguments. */
    @BeforeEach
    void unpack() throws IOException {
        install = Files.createDirectories(work.resolve("an install"));
        elsewhere = Files.createDirectories(work.resolve("elsewhere"));
        Files.createDirectories(install.resolve("bin"));
        Files.copy(Path.of("bin/tidemark"), install.resolve("bin/tidemark"), StandardCopyOption.COPY_ATTRIBUTES);
        Files.createDirectories(install.resolve("app"));
        Files.createFile(install.resolve("app/quarkus-run.jar"));
        javaOfVersion("17.0.15");
    }

    @Test
    @DisplayName("Is a bash script without syntax errors")
    void parses() throws Exception {
        assertThat(run(
                                Map.of(),
                                "bash",
                                "-n",
                                Path.of("bin/tidemark").toAbsolutePath().toString())
                        .exitCode)
                .isZero();
    }

    @Test
    @DisplayName("Finds its folder through symbolic links and passes on all arguments unchanged")
    void followsSymlinks() throws Exception {
        Path link = Files.createSymbolicLink(
                elsewhere.resolve("second"),
                Files.createSymbolicLink(elsewhere.resolve("first"), Path.of("../an install/bin/tidemark"))
                        .getFileName());
        Result result = run(jdk(), link.toString(), "send", "--prompt", "two words", "");
        assertThat(result.exitCode).isZero();
        assertThat(result.out)
                .contains(
                        "-jar",
                        install.resolve("app/quarkus-run.jar").toRealPath().toString())
                .endsWith("send", "--prompt", "two words", "");
        assertThat(result.err).isEmpty();
    }

    @Test
    @DisplayName("Passes JAVA_OPTS and TIDEMARK_JAVA_OPTS before -jar, and only options that the JVM accepts")
    void passesOptions() throws Exception {
        Map<String, String> environment = Map.of(
                "JAVA_HOME",
                work.resolve("jdk").toString(),
                "JAVA_OPTS",
                "-Xmx64m -Da=b",
                "TIDEMARK_JAVA_OPTS",
                "-Dc=d");
        List<String> old = run(environment, install.resolve("bin/tidemark").toString()).out;
        assertThat(old)
                .containsSubsequence("-Xmx64m", "-Da=b", "-Dc=d", "-jar")
                .doesNotContain("--enable-native-access=ALL-UNNAMED");
        javaOfVersion("25.0.3");
        assertThat(run(environment, install.resolve("bin/tidemark").toString()).out)
                .contains("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow");
    }

    @Test
    @DisplayName("Uses the unpacked native libraries of an image")
    void usesUnpackedLibraries() throws Exception {
        Path libraries = Files.createDirectories(install.resolve("native")).toRealPath();
        assertThat(run(jdk(), install.resolve("bin/tidemark").toString()).out)
                .as("the folder of the native sources")
                .noneMatch(line -> line.contains("jna.boot.library.path"));
        Files.createFile(libraries.resolve("libtokenizers.so"));
        script(
                work.resolve("jdk/bin/java"),
                "if [ \"$1\" = -version ]; then echo 'openjdk version \"17.0.15\"' >&2;"
                        + " else printf '%s\\n' \"$@\" \"$PYTORCH_LIBRARY_PATH\" \"$RUST_LIBRARY_PATH\"; fi");
        assertThat(run(jdk(), install.resolve("bin/tidemark").toString()).out)
                .contains("-Djna.boot.library.path=" + libraries)
                .endsWith(
                        libraries.resolve("torch").toString(),
                        libraries.resolve("libtokenizers.so").toString());
    }

    @Test
    @DisplayName("Disables the optimizing compiler for short commands only")
    void compilesForTheCommand() throws Exception {
        String launcher = install.resolve("bin/tidemark").toString();
        assertThat(run(jdk(), launcher, "demo").out).contains("-XX:TieredStopAtLevel=1");
        assertThat(run(jdk(), launcher, "serve").out)
                .doesNotContain("-XX:TieredStopAtLevel=1")
                .contains("-XX:Tier4InvocationThreshold=50000");
    }

    @Test
    @DisplayName("Lets serve and a demo that ends by itself write a class data archive, and lets every command use it")
    void sharesClasses() throws Exception {
        String launcher = install.resolve("bin/tidemark").toString();
        assertThat(run(jdk(), launcher, "send").out).noneMatch(flag -> flag.contains("Archive"));
        assertThat(run(jdk(), launcher, "demo", "--keep").out).noneMatch(flag -> flag.contains("Archive"));
        Path archive = archiveThatIsLeft("serve");
        assertThat(archiveThatIsLeft("demo")).isEqualTo(archive);
        assertThat(archive).hasParentRaw(install.toRealPath().resolve("app"));
        writeArchive(archive, WHOLE);
        assertThat(run(jdk(), launcher, "send").out).contains("-XX:SharedArchiveFile=" + archive, "-Xlog:cds=off");
        assertThat(run(jdk(), launcher, "serve").out)
                .contains("-XX:SharedArchiveFile=" + archive)
                .noneMatch(flag -> flag.startsWith("-XX:ArchiveClassesAtExit"));
    }

    @Test
    @DisplayName(
            "Replaces an archive that is incomplete, from a run that ended early, older than the build, or of another Java version")
    void replacesArchive() throws Exception {
        Path archive = archiveThatIsLeft("serve");
        Files.write(archive, new byte[WHOLE]);
        assertThat(archiveThatIsLeft("serve")).isEqualTo(archive);
        writeArchive(archive, WHOLE / 10);
        assertThat(archiveThatIsLeft("serve")).isEqualTo(archive);
        writeArchive(archive, WHOLE);
        javaOfVersion("17.0.16");
        assertThat(archiveThatIsLeft("serve")).isNotEqualTo(archive);
        javaOfVersion("17.0.15");
        Files.setLastModifiedTime(archive, FileTime.fromMillis(0));
        assertThat(archiveThatIsLeft("serve")).isEqualTo(archive);
    }

    @Test
    @DisplayName("Does not set class data sharing if JAVA_OPTS does")
    void leavesSharingToTheUser() throws Exception {
        Map<String, String> environment =
                Map.of("JAVA_HOME", work.resolve("jdk").toString(), "JAVA_OPTS", "-Xshare:off");
        assertThat(run(environment, install.resolve("bin/tidemark").toString(), "serve").out)
                .contains("-Xshare:off")
                .noneMatch(flag -> flag.contains("Archive") || flag.startsWith("-Xlog"));
    }

    @Test
    @DisplayName("Starts a Java runtime without class data of its own, which jlink makes, without an archive")
    void runtimeWithoutClassData() throws Exception {
        java("17.0.15", "mixed mode");
        String launcher = install.resolve("bin/tidemark").toString();
        for (String command : List.of("serve", "demo")) {
            assertThat(run(jdk(), launcher, command).out).contains(command).noneMatch(flag -> flag.contains("Archive"));
        }
    }

    @Test
    @DisplayName("Uses an archive with the same time as the build, as in an image whose files all have one time")
    void usesArchiveOfTheSameTime() throws Exception {
        Path archive = archiveThatIsLeft("serve");
        writeArchive(archive, WHOLE);
        FileTime time = FileTime.fromMillis(1_767_225_600_000L);
        Files.setLastModifiedTime(archive, time);
        Files.setLastModifiedTime(install.resolve("app/quarkus-run.jar"), time);
        assertThat(run(jdk(), install.resolve("bin/tidemark").toString(), "send").out)
                .contains("-XX:SharedArchiveFile=" + archive);
    }

    private static void writeArchive(Path archive, int length) throws IOException {
        byte[] bytes = new byte[length];
        bytes[0] = 1;
        Files.write(archive, bytes);
    }

    private Path archiveThatIsLeft(String command) throws Exception {
        String option = "-XX:ArchiveClassesAtExit=";
        return run(jdk(), install.resolve("bin/tidemark").toString(), command).out.stream()
                .filter(flag -> flag.startsWith(option))
                .map(flag -> Path.of(flag.substring(option.length())))
                .findAny()
                .orElseThrow();
    }

    @Test
    @DisplayName("Reports the installed and the required Java version")
    void refusesOldJava() throws Exception {
        javaOfVersion("11.0.2");
        Result result = run(jdk(), install.resolve("bin/tidemark").toString());
        assertThat(result.exitCode).isEqualTo(1);
        assertThat(result.err).contains("Java 11", "17 or later");
    }

    @Test
    @DisplayName("Reports the missing part of an incomplete copy")
    void refusesIncompleteCopy() throws Exception {
        Files.delete(install.resolve("app/quarkus-run.jar"));
        Result result = run(jdk(), install.resolve("bin/tidemark").toString());
        assertThat(result.exitCode).isEqualTo(1);
        assertThat(result.err).contains("incomplete");
    }

    @Test
    @DisplayName("Builds a checkout once with output to stderr, and again when a source is newer")
    void buildsWhatIsStale() throws Exception {
        Files.delete(install.resolve("app/quarkus-run.jar"));
        Path source = Files.createFile(
                Files.createDirectories(install.resolve("src/main/java")).resolve("A.java"));
        Files.createFile(install.resolve("pom.xml"));
        script(work.resolve("jdk/bin/javac"), "");
        script(
                work.resolve("tools/mvn"),
                "echo building; mkdir -p target/quarkus-app; echo x >> built; : > target/quarkus-app/quarkus-run.jar");
        Map<String, String> environment = Map.of(
                "JAVA_HOME",
                work.resolve("jdk").toString(),
                "PATH",
                work.resolve("tools") + ":" + System.getenv("PATH"));
        String launcher = install.resolve("bin/tidemark").toString();
        assertThat(run(environment, launcher, "x").out)
                .doesNotContain("building")
                .endsWith("x");
        assertThat(run(environment, launcher, "x").err).isEmpty();
        assertThat(Files.readAllLines(install.resolve("built"))).hasSize(1);
        Files.setLastModifiedTime(source, FileTime.fromMillis(System.currentTimeMillis() + 60_000));
        assertThat(run(environment, launcher, "x").err).contains("building");
        assertThat(Files.readAllLines(install.resolve("built"))).hasSize(2);
    }

    @Test
    @DisplayName(
            "Starts the packaged application with a Java runtime and builds nothing, also if sources lie beside it")
    void buildsNothingInAnArchive() throws Exception {
        Files.createFile(install.resolve("pom.xml"));
        Path source = Files.createFile(
                Files.createDirectories(install.resolve("src/main")).resolve("A.java"));
        Files.setLastModifiedTime(source, FileTime.fromMillis(System.currentTimeMillis() + 60_000));
        script(work.resolve("tools/mvn"), "echo built >&2; exit 1");
        Result result = run(
                Map.of(
                        "JAVA_HOME",
                        work.resolve("jdk").toString(),
                        "PATH",
                        work.resolve("tools") + ":" + System.getenv("PATH")),
                install.resolve("bin/tidemark").toString(),
                "--version");
        assertThat(result.err).isEmpty();
        assertThat(result.exitCode).isZero();
        assertThat(result.out)
                .contains(install.resolve("app/quarkus-run.jar").toRealPath().toString())
                .endsWith("--version");
    }

    @Test
    @DisplayName("Prints the output of a failed build and starts nothing")
    void showsBuildErrors() throws Exception {
        Files.delete(install.resolve("app/quarkus-run.jar"));
        Files.createDirectories(install.resolve("src/main"));
        Files.createFile(install.resolve("pom.xml"));
        script(work.resolve("jdk/bin/javac"), "");
        script(work.resolve("tools/mvn"), "echo '[ERROR] A.java:1 is wrong'; exit 1");
        Result result = run(
                Map.of(
                        "JAVA_HOME",
                        work.resolve("jdk").toString(),
                        "PATH",
                        work.resolve("tools") + ":" + System.getenv("PATH")),
                install.resolve("bin/tidemark").toString());
        assertThat(result.exitCode).isEqualTo(1);
        assertThat(result.out).isEmpty();
        assertThat(result.err).contains("A.java:1 is wrong");
    }

    private Map<String, String> jdk() {
        return Map.of("JAVA_HOME", work.resolve("jdk").toString());
    }

    private void javaOfVersion(String version) throws IOException {
        java(version, "mixed mode, sharing");
    }

    private void java(String version, String mode) throws IOException {
        script(
                work.resolve("jdk/bin/java"),
                "if [ \"$1\" = -version ]; then printf '%s\\n' 'openjdk version \"" + version
                        + "\"' 'OpenJDK 64-Bit Server VM (" + mode + ")' >&2; else printf '%s\\n' \"$@\"; fi");
    }

    private static void script(Path file, String body) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, "#!/bin/sh\n" + body + "\n");
        assertThat(file.toFile().setExecutable(true)).isTrue();
    }

    private Result run(Map<String, String> environment, String... command) throws IOException, InterruptedException {
        Path out = Files.createTempFile(work, "out", "");
        Path err = Files.createTempFile(work, "err", "");
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(elsewhere.toFile())
                .redirectOutput(out.toFile())
                .redirectError(err.toFile());
        List.of("JAVA_OPTS", "TIDEMARK_JAVA_OPTS", "JAVA_HOME").forEach(builder.environment()::remove);
        builder.environment().putAll(environment);
        Process process = builder.start();
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        return new Result(
                process.exitValue(),
                new ArrayList<>(Files.readAllLines(out)),
                Files.readString(err, StandardCharsets.UTF_8));
    }

    private record Result(int exitCode, List<String> out, String err) {}
}
