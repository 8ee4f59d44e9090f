package io.tidemark.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.benchmark.ComputeTypeErrors.AdaptedModel;
import io.tidemark.benchmark.ComputeTypeErrors.Errors;
import io.tidemark.calibration.sweep.TokenizedExample;
import io.tidemark.evaluation.PairedDifference;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Compute type errors")
class ComputeTypeErrorsTest {

    @Test
    @DisplayName("The errors are zero for the same adapter, and the divergence is positive for another adapter")
    void againstItself() {
        try (DemoModel demo = new DemoModel()) {
            List<TokenizedExample> examples = Stream.of("The Mill is a pub.", "The Eagle is a cheap coffee shop.")
                    .map(text -> new TokenizedExample(demo.tokens("Description:"), demo.tokens(text)))
                    .toList();
            AdaptedModel all = new AdaptedModel(demo.model(), demo.adapter("describe"));
            Errors none = new ComputeTypeErrors(all, all).compare(examples);
            Errors some = new ComputeTypeErrors(all, new AdaptedModel(demo.model(), demo.adapter("extract")))
                    .compare(examples);
            assertThat(none).isEqualTo(new Errors(0, 1, new PairedDifference(0, 0)));
            assertThat(some.divergence()).isGreaterThan(1e-4);
        }
    }
}
