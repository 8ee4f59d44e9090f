package io.tidemark.calibration.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The filter of counted examples")
class ExampleFilterTest {

    @Test
    @DisplayName(
            "The bits of an example are 15 bits each of the first words of the SHA-256 of its text, one in a slice")
    void bits() throws Exception {
        byte[] digest = MessageDigest.getInstance("SHA-256")
                .digest("example\0Facts:\0 The Eagle.".getBytes(StandardCharsets.UTF_8));
        ExampleFilter.Bits bits = ExampleFilter.Bits.ofExample("Facts:\0 The Eagle.");
        assertThat(List.of(bits.first(), bits.second(), bits.third(), bits.fourth()))
                .isEqualTo(IntStream.range(0, 4)
                        .map(slice -> slice * 32_768 + word(digest, slice) % 32_768)
                        .boxed()
                        .toList());
        assertThat(ExampleFilter.Bits.ofGroup("Facts:\0 The Eagle.")).isNotEqualTo(bits);
    }

    private static int word(byte[] digest, int index) {
        return (digest[2 * index] & 0xff) << 8 | digest[2 * index + 1] & 0xff;
    }

    @Test
    @DisplayName("Counted examples are found, and other ones skipped wrongly in less than 0.3% of a full filter")
    void wrongSkips() {
        SplittableRandom random = new SplittableRandom(1);
        List<ExampleFilter.Bits> counted =
                random.longs(8050).mapToObj(ExampleFilter.Bits::of).toList();
        ExampleFilter filter = ExampleFilter.EMPTY.plus(counted);
        assertThat(counted).allMatch(filter::contains);
        long wrong = random.longs(100_000)
                .mapToObj(ExampleFilter.Bits::of)
                .filter(filter::contains)
                .count();
        assertThat(wrong).isBetween(1L, 300L);
        assertThat(filter.isFull()).isTrue();
        assertThat(ExampleFilter.EMPTY.plus(counted.subList(0, 7900)).isFull()).isFalse();
        assertThat(ExampleFilter.parse(filter.written())).isEqualTo(filter);
    }

    @Test
    @DisplayName("A filter of another size is refused")
    void otherSize() {
        assertThatThrownBy(() -> ExampleFilter.parse("AAAA")).hasMessageContaining("16384 bytes");
        assertThatThrownBy(() -> ExampleFilter.parse("*")).isInstanceOf(IllegalArgumentException.class);
    }
}
