package io.tidemark.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.fixture.TensorFile;
import io.tidemark.fixture.TensorFile.Tensor;
import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Safetensors files")
class SafetensorsFileTest {

    @TempDir
    private Path temp;

    private Path file;

    @BeforeEach
    void name() {
        file = temp.resolve("some.safetensors");
    }

    @Test
    @DisplayName("Types, shapes and bytes of the tensors are read")
    void reads() {
        new TensorFile()
                .with("a", Tensor.floats(new long[] {2, 1}, 1.5f, -2))
                .with("b", new Tensor("BF16", new long[] {3}, new byte[6]))
                .with("none", new Tensor("F16", new long[] {0, 4}, new byte[0]))
                .write(file);
        var tensors = SafetensorsFile.read(file);
        assertThat(tensors.keySet()).containsExactlyInAnyOrder("a", "b", "none");
        assertThat(tensors.get("a").shape()).isEqualTo(List.of(2L, 1L));
        assertThat(tensors.get("a").bytes().order(ByteOrder.LITTLE_ENDIAN).getFloat(4))
                .isEqualTo(-2);
        assertThat(tensors.get("b").type()).isEqualTo(ElementType.BF16);
        assertThat(tensors.get("none").bytes().remaining()).isZero();
    }

    @Test
    @DisplayName("Metadata is skipped")
    void skipsMetadata() {
        TensorFile.writeRaw(
                file,
                "{\"__metadata__\": {\"format\": \"pt\"}, \"a\": {\"dtype\": \"F16\", \"shape\": [1], \"data_offsets\": [0, 2]}}",
                new byte[2]);
        assertThat(SafetensorsFile.read(file)).containsOnlyKeys("a");
    }

    @ParameterizedTest(name = "{0}, {1} bytes")
    @DisplayName("A header that does not match the bytes is refused with the tensor's name")
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "the last tensor is cut off | 15 | \"culprit\": {\"dtype\": \"F32\", \"shape\": [2, 2], \"data_offsets\": [0, 16]}",
                "two overlap | 12 | \"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 8]}, \"culprit\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [4, 12]}",
                "a gap between two | 20 | \"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 8]}, \"culprit\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [12, 20]}",
                "a gap before the first | 12 | \"culprit\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [4, 12]}",
                "more bytes than the shape | 16 | \"culprit\": {\"dtype\": \"F32\", \"shape\": [3], \"data_offsets\": [0, 16]}",
                "fewer bytes than the shape | 8 | \"culprit\": {\"dtype\": \"F32\", \"shape\": [3], \"data_offsets\": [0, 8]}",
                "negative sizes whose product fits | 16 | \"culprit\": {\"dtype\": \"F32\", \"shape\": [-2, -2], \"data_offsets\": [0, 16]}",
                "a size that is no whole number | 6 | \"culprit\": {\"dtype\": \"F32\", \"shape\": [1.5], \"data_offsets\": [0, 6]}",
                "a size that is text | 8 | \"culprit\": {\"dtype\": \"F32\", \"shape\": [\"2\"], \"data_offsets\": [0, 8]}",
                "a negative offset | 8 | \"culprit\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [-8, 0]}",
                "offsets the wrong way | 8 | \"culprit\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [8, 0]}",
                "sizes that overflow | 8 | \"culprit\": {\"dtype\": \"F32\", \"shape\": [4611686018427387904, 4], \"data_offsets\": [0, 0]}",
                "no offsets | 8 | \"culprit\": {\"dtype\": \"F32\", \"shape\": [2]}",
                "no shape | 8 | \"culprit\": {\"dtype\": \"F32\", \"data_offsets\": [0, 8]}",
                "no type | 8 | \"culprit\": {\"shape\": [2], \"data_offsets\": [0, 8]}",
                "a type that is not read | 8 | \"culprit\": {\"dtype\": \"I64\", \"shape\": [1], \"data_offsets\": [0, 8]}",
                "a type that is not there | 8 | \"culprit\": {\"dtype\": \"F33\", \"shape\": [2], \"data_offsets\": [0, 8]}"
            })
    void namesTheTensor(String what, int bytes, String entries) {
        TensorFile.writeRaw(file, "{" + entries + "}", new byte[bytes]);
        assertThatThrownBy(() -> SafetensorsFile.read(file))
                .as(what)
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining(file.toString())
                .hasMessageContaining("culprit");
    }

    @Test
    @DisplayName("Bytes after the last tensor are refused")
    void refusesTrailingBytes() {
        TensorFile.writeRaw(
                file, "{\"a\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [0, 4]}}", new byte[7]);
        assertThatThrownBy(() -> SafetensorsFile.read(file))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining("3 bytes");
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("A header that is not a JSON object is refused")
    @ValueSource(strings = {"{\"a\": ", "[]", "not JSON", "  "})
    void refusesOtherHeaders(String header) {
        TensorFile.writeRaw(file, header, new byte[0]);
        assertThatThrownBy(() -> SafetensorsFile.read(file))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining("header");
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("An impossible header length is refused before memory is allocated")
    @ValueSource(longs = {-1, 0, 1, 3, 1L << 62, 99_999_999, 100_000_001})
    void refusesImpossibleHeaderLengths(long length) {
        TensorFile.writeRaw(file, length, "{}".getBytes(StandardCharsets.UTF_8), new byte[0]);
        assertThatThrownBy(() -> SafetensorsFile.read(file))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining(Long.toString(length));
    }

    @Test
    @DisplayName("A file truncated at any byte is refused")
    void refusesEveryPrefix() throws IOException {
        new TensorFile()
                .with("a", Tensor.floats(new long[] {2}, 1, 2))
                .with("b", Tensor.floats(new long[] {1}, 3))
                .write(file);
        byte[] all = Files.readAllBytes(file);
        for (int length = 0; length < all.length; length++) {
            Files.write(file, Arrays.copyOf(all, length));
            assertThatThrownBy(() -> SafetensorsFile.read(file))
                    .as("%d of %d bytes", length, all.length)
                    .isInstanceOf(InvalidModelException.class);
        }
    }

    @Test
    @DisplayName("A missing file is refused by its path")
    void refusesAMissingFile() {
        assertThatThrownBy(() -> SafetensorsFile.read(file))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining(file.toString());
    }
}
