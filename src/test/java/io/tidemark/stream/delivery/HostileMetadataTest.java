package io.tidemark.stream.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.fixture.Bounds;
import io.tidemark.stream.delivery.partition.CommitMetadata;
import io.tidemark.stream.delivery.partition.CrashHistory;
import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Label;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.constraints.StringLength;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;

/** Anyone who may commit offsets of the group can write any metadata. */
@Label("Metadata of committed offsets that others wrote")
class HostileMetadataTest {

    private static final Bounds BOUNDS = new Bounds(4, 1_000, 64, 1 << 20);

    @Provide
    static Arbitrary<String> metadata() {
        Arbitrary<String> value = Arbitraries.oneOf(
                Arbitraries.strings().ofMaxLength(30),
                Arbitraries.integers().map(String::valueOf),
                Arbitraries.longs().map(offset -> offset + "x" + offset % 5),
                Arbitraries.longs().map(offset -> offset % 7 + "@" + offset),
                Arbitraries.of(
                        "%", "%2", "%zz", "@", "x", "1x2x3", "=", "AAAA", "AAA", "/".repeat(4000), "A".repeat(4000)));
        Arbitrary<String> field = Combinators.combine(
                        Arbitraries.of("owner", "idle", "crashes", "alone", "trying", "done", "", "x"), value)
                .as((name, text) -> name + "=" + text);
        Arbitrary<String> words = Combinators.combine(
                        Arbitraries.of("tidemark/1", "tidemark/2", "", " "),
                        Arbitraries.oneOf(field, value).list().ofMaxSize(6))
                .as((version, fields) -> version + " " + String.join(" ", fields));
        return Arbitraries.oneOf(
                words,
                Arbitraries.strings().ofMaxLength(200),
                Arbitraries.strings().withChars(' ').ofMaxLength(9));
    }

    @Property(tries = 2000)
    @Label("Any text has an effect")
    void parses(@ForAll("metadata") String text) {
        CommitMetadata read =
                BOUNDS.call(text.length(), () -> CommitMetadata.of("r-0", new OffsetAndMetadata(5, text)));
        assertThat(read.finished().length()).isLessThanOrEqualTo(CommitMetadata.MAX_FINISHED);
    }

    @Property(tries = 500)
    @Label("What a worker writes is read again")
    void readsWhatItWrites(
            @ForAll @StringLength(max = 60) String owner,
            @ForAll boolean idle,
            @ForAll @Size(max = 40) List<@IntRange(max = CommitMetadata.MAX_FINISHED - 1) Integer> done) {
        BitSet finished = new BitSet();
        done.forEach(finished::set);
        CommitMetadata written = Deliveries.metadata(
                Optional.of(owner).filter(id -> !id.isEmpty() && id.equals(wellFormed(id))),
                idle,
                CrashHistory.NONE,
                finished);
        assertThat(CommitMetadata.of("r-0", new OffsetAndMetadata(5, written.toString())))
                .isEqualTo(written);
    }

    /** Ids have no unpaired surrogates, which UTF-8 cannot encode. */
    private static String wellFormed(String id) {
        return new String(id.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
    }
}
