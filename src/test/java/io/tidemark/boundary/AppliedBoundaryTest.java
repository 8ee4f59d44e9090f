package io.tidemark.boundary;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.boundary.AppliedBoundary.FromTable;
import io.tidemark.boundary.AppliedBoundary.FullLora;
import io.tidemark.boundary.AppliedBoundary.FullLoraReason;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AppliedBoundaryTest {

    private static final LoadedVersion LOADED = new LoadedVersion("smollm2", "ba5e", "fp32", "3fa2", 30);

    @ParameterizedTest(name = "{0} for digest {1}, base {2}/{3} and {4} layers")
    @DisplayName("A boundary applies if every field that is present matches the loaded version")
    @CsvSource({"14,,,,", "30,,,,", "0,,,,", "14,3fa2,smollm2,ba5e,30", "14,3fa2,,,", "14,,smollm2,ba5e,", "14,,,,30"})
    void applies(int boundary, String digest, String baseModel, String baseDigest, Integer numLayers) {
        assertThat(applied(boundary, digest, baseModel, baseDigest, numLayers))
                .isEqualTo(new FromTable(new Boundary(boundary)));
    }

    @ParameterizedTest(name = "{0} for digest {1}, base {2}/{3} and {4} layers gives full LoRA because of {5}")
    @DisplayName("A boundary that does not match the loaded version gives full LoRA and the first reason")
    @CsvSource({
        "14,ffff,,,,FOREIGN_DIGEST",
        "14,,other,,,OTHER_BASE_MODEL",
        "14,,smollm2,0123,,OTHER_BASE_DIGEST",
        "14,,,,24,OTHER_NUM_LAYERS",
        "31,,,,,NOT_ENOUGH_LAYERS",
        "31,ffff,other,0123,40,FOREIGN_DIGEST"
    })
    void leavesFullLora(
            int boundary,
            String digest,
            String baseModel,
            String baseDigest,
            Integer numLayers,
            FullLoraReason reason) {
        assertThat(applied(boundary, digest, baseModel, baseDigest, numLayers))
                .isEqualTo(new FullLora(new Boundary(30), reason));
    }

    private static AppliedBoundary applied(
            int boundary, String digest, String baseModel, String baseDigest, Integer numLayers) {
        VersionPattern versions = new VersionPattern(
                Optional.ofNullable(digest),
                Optional.ofNullable(baseModel),
                Optional.ofNullable(baseDigest),
                numLayers == null ? OptionalInt.empty() : OptionalInt.of(numLayers));
        return AppliedBoundary.of(new Boundary(boundary), versions, LOADED);
    }
}
