package io.tidemark.calibration.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.message.CalibrationEpochRecord;
import io.tidemark.message.TopicJson;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("The state of an epoch")
class EpochStateTest {

    static PartitionStates readBack(PartitionStates states) {
        PartitionStates read = PartitionStates.empty();
        for (Map.Entry<Integer, EpochState> state : states.byPartition().entrySet()) {
            read = read.with(state.getKey(), readBack(state.getValue()));
        }
        return read;
    }

    private static EpochState readBack(EpochState state) {
        return EpochState.of(TopicJson.read(TopicJson.write(state.toRecord()), CalibrationEpochRecord.class));
    }

    private static EpochState counted(int layers, int batches) {
        BoundaryRule rule = new BoundaryRule(RuleSettings.DEFAULT, Objective.parse("latency"), layers);
        PartitionStates states = PartitionStates.empty();
        InForce inForce = InForce.none(layers);
        for (int i = 0; i < batches; i++) {
            double[] differences = new double[layers];
            Arrays.fill(differences, Math.sin(i) / 3 - 0.1);
            BatchCount.Counted counted =
                    (BatchCount.Counted) rule.count(states, 0, ScoredBatches.constant(8, differences), inForce);
            states = states.with(0, counted.state());
            inForce = counted.inForce();
        }
        return states.of(0).orElseThrow();
    }

    @Test
    @DisplayName("A state is the same after it was written and read")
    void roundTrip() {
        EpochState state = counted(8, 20);
        assertThat(readBack(state)).isEqualTo(state);
    }

    @Test
    @DisplayName("A state with all 30 layers takes less than 32 KB, whatever the number of examples")
    void size() {
        BoundaryRule rule = new BoundaryRule(RuleSettings.DEFAULT, Objective.parse("latency"), 30);
        assertThat(rule.settings().candidates(30)).hasSize(16);
        assertThat(TopicJson.write(counted(16, 200).toRecord()).length).isLessThan(32_000);
        assertThat(TopicJson.write(counted(16, 200).toRecord()).length
                        - TopicJson.write(counted(16, 20).toRecord()).length)
                .isLessThan(1000);
    }

    @ParameterizedTest(name = "{0} to {1}")
    @CsvSource(delimiter = '|', quoteCharacter = '\0', textBlock = """
            "epoch":1                   | "epoch":0
            "batches":2                 | "batches":-1
            "margin":0.02               | "margin":2
            "candidates":[0,1,2]        | "candidates":[0,2,1]
            "candidates":[0,1,2]        | "candidates":[1,2]
            "candidates":[0,1,2]        | "candidates":[0,1,2,3]
            "candidates":[0,1,2]        | "candidates":[0]
            "sums":[                    | "sums":[1,
            "capped":[                  | "capped":[1,
            "capped":[                  | "capped":[1e300,2],"old":[
            "sums":[                    | "sums":[1e300,2,3,4,5,6,7,8,9,10],"old":[
            "values":[0.0,0.0,0.0]      | "values":[0.0,0.0]
            "values":[0.0,0.0,0.0]      | "values":[0.0,0.0,-1.0]
            "values":[0.0,0.0,0.0]      | "values":[0.0,0.0,1e200]
            "move":0                    | "move":-1
            "filter":"                  | "filter":"AAAA
            "count":16                  | "count":-1
            """)
    @DisplayName("A record with values that contradict each other or are out of range is refused")
    void refused(String field, String other) {
        String json = new String(TopicJson.write(counted(2, 2).toRecord()), StandardCharsets.UTF_8);
        assertThat(json).contains(field);
        byte[] changed = json.replace(field, other).getBytes(StandardCharsets.UTF_8);
        assertThatThrownBy(() -> EpochState.of(TopicJson.read(changed, CalibrationEpochRecord.class)))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
