package io.tidemark.calibration.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.calibration.sweep.TokenizedExample;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The filter of counted examples")
class ExampleFilterTest {

    @Test
    @DisplayName("The bits of an example are the first words of the SHA-256 of its token ids")
    void bits() throws Exception {
        byte[] ids = HexFormat.of().parseHex("00000002" + "00000007" + "00010000" + "00000009");
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(ids);
        ExampleFilter.Bits bits = ExampleFilter.Bits.of(new TokenizedExample(List.of(7, 65_536), List.of(9)));
        assertThat(List.of(bits.first(), bits.second(), bits.third(), bits.fourth()))
                .isEqualTo(List.of(word(digest, 0), word(digest, 1), word(digest, 2), word(digest, 3)));
    }

    private static int word(byte[] digest, int index) {
        return (digest[2 * index] & 0xff) << 8 | digest[2 * index + 1] & 0xff;
    }

    @Test
    @DisplayName("Moving a token from the prompt to the completion gives another example")
    void promptLength() {
        assertThat(ExampleFilter.Bits.of(new TokenizedExample(List.of(1, 2), List.of(3))))
                .isNotEqualTo(ExampleFilter.Bits.of(new TokenizedExample(List.of(1), List.of(2, 3))));
    }

    @Test
    @DisplayName("Counted examples are found, and other ones skipped wrongly in less than 0.25% at 4,000 examples")
    void wrongSkips() {
        SplittableRandom random = new SplittableRandom(1);
        List<ExampleFilter.Bits> counted =
                random.longs(4000).mapToObj(ExampleFilter.Bits::of).toList();
        ExampleFilter filter = ExampleFilter.EMPTY.plus(counted);
        assertThat(counted).allMatch(filter::contains);
        long wrong = random.longs(100_000)
                .mapToObj(ExampleFilter.Bits::of)
                .filter(filter::contains)
                .count();
        assertThat(wrong).isBetween(1L, 250L);
        assertThat(ExampleFilter.parse(filter.written())).isEqualTo(filter);
    }

    @Test
    @DisplayName("A filter of another size is refused")
    void otherSize() {
        assertThatThrownBy(() -> ExampleFilter.parse("AAAA")).hasMessageContaining("8192 bytes");
        assertThatThrownBy(() -> ExampleFilter.parse("*")).isInstanceOf(IllegalArgumentException.class);
    }
}
