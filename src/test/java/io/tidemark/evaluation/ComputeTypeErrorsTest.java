package io.tidemark.evaluation;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.evaluation.ComputeTypeErrors.AdaptedModel;
import io.tidemark.evaluation.ComputeTypeErrors.Errors;
import io.tidemark.fixture.FixtureModel;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Compute type errors")
class ComputeTypeErrorsTest {

    @Test
    @DisplayName("The errors are zero for the same adapter, and the divergence is positive for another adapter")
    void againstItself() {
        try (FixtureModel fixture = FixtureModel.load("llama-gqa")) {
            List<TokenizedExample> examples = fixture.reference("all").pairs().stream()
                    .limit(2)
                    .map(pair -> new TokenizedExample(fixture.tokens(pair.prompt()), pair.completion()))
                    .toList();
            AdaptedModel all = new AdaptedModel(fixture.model(), fixture.adapter("all"));
            Errors none = new ComputeTypeErrors(all, all).compare(examples);
            Errors some = new ComputeTypeErrors(all, new AdaptedModel(fixture.model(), fixture.adapter("qv")))
                    .compare(examples);
            assertThat(none).isEqualTo(new Errors(0, 1, new PairedDifference(0, 0)));
            assertThat(some.divergence()).isGreaterThan(1e-4);
        }
    }
}
