package io.tidemark.adapter.source;

import static io.tidemark.adapter.source.OpenSources.assertHas;
import static io.tidemark.adapter.source.OpenSources.failure;
import static io.tidemark.adapter.source.OpenSources.get;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.adapter.source.SourceException.Failure;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("file: sources")
class FileSourcesTest {

    private static final AdapterBytes ADAPTER = AdapterBytes.of(1, 5_000);

    @TempDir
    Path temp;

    private Path root;
    private AdapterFolders folders;

    @BeforeEach
    void open() throws Exception {
        root = Files.createDirectories(temp.resolve("root"));
        ADAPTER.write(root.resolve("team/a"));
        folders = new OpenSources(temp.resolve("cache")).root(root).open();
    }

    @AfterEach
    void close() {
        folders.close();
    }

    @Test
    @DisplayName("Are served where they are, by a relative and an absolute path")
    void inPlace() throws Exception {
        for (String path : new String[] {"team/a", root.resolve("team/a").toString()}) {
            HeldFolder held = get(folders.hold(AdapterSource.parse("file:" + path), ADAPTER.digest()));
            assertThat(held.path()).isEqualTo(root.resolve("team/a").toRealPath());
            assertHas(held, ADAPTER);
        }
        assertThat(OpenSources.cached(temp.resolve("cache"))).isEmpty();
    }

    @Test
    @DisplayName("Need no cache folder if no download is allowed")
    void noCache() throws Exception {
        Path none = temp.resolve("none");
        try (AdapterFolders only =
                new OpenSources(none).root(root).noneAllowed().open()) {
            assertHas(get(only.hold(AdapterSource.parse("file:team/a"), ADAPTER.digest())), ADAPTER);
            assertThat(only.stats().cachedFolders()).isZero();
        }
        assertThat(none).doesNotExist();
    }

    @Test
    @DisplayName("Have a digest that a command asks for")
    void fetches() throws Exception {
        assertHas(folders.fetch(AdapterSource.parse("file:team/a")), ADAPTER);
    }

    @Test
    @DisplayName("Are refused out of the root: by an absolute path, a link to a folder, and a link to a file")
    void outside() throws Exception {
        Path secret = ADAPTER.write(temp.resolve("secret"));
        Files.createSymbolicLink(root.resolve("link"), secret);
        Path linked = ADAPTER.write(root.resolve("linked"));
        Files.delete(linked.resolve(AdapterFiles.WEIGHTS));
        Files.createSymbolicLink(linked.resolve(AdapterFiles.WEIGHTS), secret.resolve(AdapterFiles.WEIGHTS));
        for (String path : new String[] {secret.toString(), "/nothing/there", "link", "linked"}) {
            failure(folders.hold(AdapterSource.parse("file:" + path), ADAPTER.digest()), Failure.OUTSIDE_ROOT);
        }
    }

    @Test
    @DisplayName("May be links within the root")
    void linkInside() throws Exception {
        Files.createSymbolicLink(root.resolve("current"), root.resolve("team/a"));
        assertHas(get(folders.hold(AdapterSource.parse("file:current"), ADAPTER.digest())), ADAPTER);
    }

    @Test
    @DisplayName("Are refused if they have another digest, a pickle only, no adapter, or are above the limit")
    void refused() throws Exception {
        AdapterBytes other = AdapterBytes.of(2, 10);
        failure(folders.hold(AdapterSource.parse("file:team/a"), other.digest()), Failure.WRONG_DIGEST);
        Path pickle = other.write(root.resolve("pickle"));
        Files.move(pickle.resolve(AdapterFiles.WEIGHTS), pickle.resolve("adapter_model.bin"));
        failure(folders.hold(AdapterSource.parse("file:pickle"), other.digest()), Failure.PICKLE);
        failure(folders.hold(AdapterSource.parse("file:team"), other.digest()), Failure.NOT_FOUND);
        failure(folders.hold(AdapterSource.parse("file:nothing"), other.digest()), Failure.NOT_FOUND);
        AdapterBytes large = AdapterBytes.of(3, (1 << 20) + 1);
        large.write(root.resolve("large"));
        failure(folders.hold(AdapterSource.parse("file:large"), large.digest()), Failure.TOO_LARGE);
    }

    @Test
    @DisplayName("Are refused if a file is a folder or a pipe, which would block the reader")
    void pipe() throws Exception {
        Path folder = ADAPTER.write(root.resolve("pipe"));
        Files.delete(folder.resolve(AdapterFiles.WEIGHTS));
        Files.createDirectory(folder.resolve(AdapterFiles.WEIGHTS));
        failure(folders.hold(AdapterSource.parse("file:pipe"), ADAPTER.digest()), Failure.UNREADABLE);
        OpenSources.replaceByPipe(folder.resolve(AdapterFiles.WEIGHTS));
        failure(folders.hold(AdapterSource.parse("file:pipe"), ADAPTER.digest()), Failure.UNREADABLE);
    }

    @Test
    @DisplayName("Are read once as long as key, size and time of the files stay the same")
    void readOnce() throws Exception {
        AdapterSource source = AdapterSource.parse("file:team/a");
        get(folders.hold(source, ADAPTER.digest()));
        Path weights = root.resolve("team/a").resolve(AdapterFiles.WEIGHTS);
        FileTime time = Files.getLastModifiedTime(weights);
        Files.write(weights, AdapterBytes.of(9, 5_000).weights());
        Files.setLastModifiedTime(weights, time);
        get(folders.hold(source, ADAPTER.digest()));
        Files.setLastModifiedTime(weights, FileTime.fromMillis(time.toMillis() + 1));
        failure(folders.hold(source, ADAPTER.digest()), Failure.WRONG_DIGEST);
    }

    @Test
    @DisplayName("Do not exist without a root")
    void noRoot() {
        try (AdapterFolders without = new OpenSources(temp.resolve("other")).open()) {
            failure(without.hold(AdapterSource.parse("file:team/a"), ADAPTER.digest()), Failure.NOT_ALLOWED);
        }
    }
}
