package io.tidemark.generation.layout;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.generation.layout.GroupWidth.Turn;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("What the instances of an engine do")
class InstanceActivityTest {

    private static final InstanceWork PROMPT =
            new InstanceWork(new StepSize(1, 40, true, false), 0, false, false, false, true);
    private static final InstanceWork DECODING =
            new InstanceWork(new StepSize(3, 3, false, true), 0, false, false, false, true);
    private static final InstanceWork PACKING =
            new InstanceWork(new StepSize(3, 3, false, true), 0, false, true, false, true);
    private static final InstanceWork BACKGROUND = new InstanceWork(StepSize.NONE, 0, true, false, true, true);

    @Test
    @DisplayName("Sums of the last turns of all instances")
    void sums() {
        InstanceActivity activity = new InstanceActivity(5);
        activity.turnEnds(turn(0, PROMPT, InstanceWork.NONE));
        activity.turnEnds(turn(2, DECODING, DECODING));
        assertThat(activity.steps()).isEqualTo(new StepSize(7, 46, true, true));
        assertThat(activity.active()).isEqualTo(3);
        activity.turnEnds(turn(0, InstanceWork.NONE, InstanceWork.NONE));
        assertThat(activity.steps()).isEqualTo(new StepSize(6, 6, false, true));
        activity.turnEnds(turn(2, InstanceWork.NONE, InstanceWork.NONE));
        assertThat(activity.steps()).isEqualTo(StepSize.NONE);
        assertThat(activity.active()).isZero();
    }

    @Test
    @DisplayName("Sequences that start count until the next turn of their instance")
    void starting() {
        InstanceActivity activity = new InstanceActivity(2);
        activity.turnEnds(turn(0, starting(1), starting(2)));
        assertThat(activity.starting()).isEqualTo(3);
        activity.turnEnds(turn(0, DECODING));
        assertThat(activity.starting()).isEqualTo(2);
        activity.turnEnds(turn(1, DECODING));
        assertThat(activity.starting()).isZero();
    }

    private static InstanceWork starting(int sequences) {
        return new InstanceWork(StepSize.NONE, sequences, false, false, false, true);
    }

    @Test
    @DisplayName("Adapters of any instance are being packed until its turn without")
    void packing() {
        InstanceActivity activity = new InstanceActivity(2);
        activity.turnEnds(turn(0, PACKING));
        activity.turnEnds(turn(1, DECODING));
        assertThat(activity.isPacking()).isTrue();
        activity.turnEnds(turn(0, DECODING));
        assertThat(activity.isPacking()).isFalse();
        activity.turnEnds(turn(0, new InstanceWork(StepSize.NONE, 0, false, true, false, false)));
        assertThat(activity.isPacking()).as("an idle instance").isFalse();
    }

    @Test
    @DisplayName("A background task of any instance counts until a turn without it")
    void background() {
        for (int first : List.of(0, 2)) {
            InstanceActivity activity = new InstanceActivity(4);
            activity.turnEnds(turn(first, BACKGROUND, DECODING));
            assertThat(activity.hasBackground()).isTrue();
            activity.turnEnds(turn(first, DECODING, DECODING));
            assertThat(activity.hasBackground()).isFalse();
        }
    }

    @Test
    @DisplayName("A group is active if one of its instances is; the last group may have fewer")
    void activeGroups() {
        InstanceActivity activity = new InstanceActivity(5);
        activity.turnEnds(turn(0, InstanceWork.NONE, DECODING, DECODING, InstanceWork.NONE, DECODING));
        assertThat(activity.activeGroups(1)).isEqualTo(3);
        assertThat(activity.activeGroups(2)).isEqualTo(3);
        assertThat(activity.activeGroups(4)).isEqualTo(2);
        assertThat(activity.activeGroups(5)).isEqualTo(1);
        activity.turnEnds(turn(1, InstanceWork.NONE));
        assertThat(activity.activeGroups(2)).isEqualTo(2);
    }

    @Test
    @DisplayName("An idle instance is in a turn until this ends; an active one is not idle")
    void idleInTurn() {
        InstanceActivity activity = new InstanceActivity(3);
        activity.turnBegins(new InstanceGroup(0, 2));
        assertThat(activity.hasIdleInTurn()).isTrue();
        activity.turnEnds(turn(0, DECODING, PROMPT));
        assertThat(activity.hasIdleInTurn()).isFalse();
        activity.turnBegins(new InstanceGroup(0, 2));
        assertThat(activity.hasIdleInTurn()).isFalse();
        activity.turnBegins(new InstanceGroup(2, 3));
        assertThat(activity.hasIdleInTurn()).isTrue();
        activity.turnEnds(turn(2, InstanceWork.NONE));
        assertThat(activity.hasIdleInTurn()).isFalse();
    }

    private static Turn turn(int first, InstanceWork... work) {
        InstanceGroup group = new InstanceGroup(first, first + work.length);
        return new Turn(group.size(), group, List.of(work), false, 0, 1000, 1000);
    }
}
