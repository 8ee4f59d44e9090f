package io.tidemark.library;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.jna.Library;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A native library among the resources")
class LibraryResourceTest {

    private static final LibraryResource GRAMMAR = new LibraryResource("libtidemark_grammar.so");

    interface Versioned extends Library {
        int tidemark_grammar_version();
    }

    @ParameterizedTest
    @ValueSource(strings = {"libtidemark_grammar.so", "libtidemark_decoder.so", "libtidemark_cuda_graph.so"})
    @DisplayName("Has its digest beside it, and is refused with another digest")
    void checksDigest(String file) throws IOException {
        LibraryResource library = new LibraryResource(file);
        byte[] bytes = resource(file);
        String digest = new String(resource(file + ".sha256"), StandardCharsets.US_ASCII).split(" ")[0];
        library.verify(bytes, digest, "the resource");
        bytes[1000] ^= 1;
        assertThatThrownBy(() -> library.verify(bytes, digest, "the file"))
                .isInstanceOf(IOException.class)
                .hasMessage("the file does not have the digest in /native/linux-x86_64/" + file + ".sha256");
    }

    @Test
    @DisplayName("Has the licences of the code of others beside it")
    void hasLicences() throws IOException {
        assertThat(new String(resource(GRAMMAR.file() + ".licences.txt"), StandardCharsets.UTF_8))
                .contains("llguidance 1.9.1: MIT");
    }

    @Test
    @DisplayName("Is refused if it is missing or has another version")
    void refuses() {
        assertThatThrownBy(() -> new LibraryResource("absent.so").load(Versioned.class, each -> 0, 0))
                .isInstanceOf(IOException.class)
                .hasMessage("the resource /native/linux-x86_64/absent.so.sha256 is missing");
        assertThatThrownBy(() -> GRAMMAR.load(Versioned.class, Versioned::tidemark_grammar_version, -1))
                .isInstanceOf(IOException.class)
                .hasMessageMatching("libtidemark_grammar.so has version \\d+ instead of -1");
    }

    @ParameterizedTest
    @CsvSource({
        "Linux, amd64, true",
        "Linux, x86_64, true",
        "Linux, aarch64, false",
        "Linux, x86, false",
        "Windows 11, amd64, false",
        "Mac OS X, x86_64, false"
    })
    @DisplayName("Is for Linux on x86-64")
    void supports(String system, String architecture, boolean supported) {
        assertThat(LibraryResource.supports(system, architecture)).isEqualTo(supported);
    }

    private static byte[] resource(String name) throws IOException {
        try (InputStream stream = LibraryResource.class.getResourceAsStream("/native/linux-x86_64/" + name)) {
            return stream.readAllBytes();
        }
    }
}
