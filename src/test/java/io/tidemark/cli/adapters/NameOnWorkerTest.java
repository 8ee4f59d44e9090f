package io.tidemark.cli.adapters;

import static io.tidemark.cli.adapters.WorkerRecords.BASE;
import static io.tidemark.cli.adapters.WorkerRecords.DIGEST;
import static io.tidemark.cli.adapters.WorkerRecords.adapter;
import static io.tidemark.cli.adapters.WorkerRecords.failed;
import static io.tidemark.cli.adapters.WorkerRecords.folder;
import static io.tidemark.cli.adapters.WorkerRecords.live;
import static io.tidemark.cli.adapters.WorkerRecords.replacing;
import static io.tidemark.cli.adapters.WorkerRecords.state;
import static io.tidemark.cli.adapters.WorkerRecords.worker;
import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.cli.adapters.NameOnWorker.Progress;
import io.tidemark.client.AdapterTopic.Entry;
import io.tidemark.client.WorkerStates.Worker;
import io.tidemark.message.AdapterRecord;
import io.tidemark.message.AdapterRecord.Stored;
import io.tidemark.message.Parsed;
import io.tidemark.message.WorkerStateRecord.Adapter;
import io.tidemark.message.WorkerStateRecord.State;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("What a worker has of a name")
class NameOnWorkerTest {

    /** The offset of the record of {@code a}. */
    private static final long OFFSET = 7;

    private static final long APPLIED = OFFSET + 1;

    private static final Stored STORED = stored(false);

    private static Stored stored(boolean pinned) {
        return new Stored("s3://b/a", DIGEST, BASE, Map.of(), new AdapterRecord.Options(pinned));
    }

    @Test
    @DisplayName("Is done if the worker has the record loaded or ready")
    void done() {
        assertThat(of(adapter("a", State.LOADED, OFFSET)).progress()).isEqualTo(Progress.DONE);
        assertThat(of(adapter("a", State.READY, OFFSET)).text()).isEqualTo("ready");
        assertThat(of(adapter("a", State.ALIAS, OFFSET)).progress()).isEqualTo(Progress.DONE);
    }

    @Test
    @DisplayName("Is pending before the worker has applied the record, whatever it lists of an earlier one")
    void behind() {
        NameOnWorker behind =
                NameOnWorker.of(live("w", OFFSET, failed("a", "wrong_digest")), "a", OptionalLong.of(OFFSET));
        assertThat(behind.progress()).isEqualTo(Progress.PENDING);
        assertThat(behind.text()).isEqualTo("behind");
        assertThat(NameOnWorker.of(live("w", OFFSET), "a", OptionalLong.of(OFFSET))
                        .progress())
                .isEqualTo(Progress.PENDING);
    }

    @Test
    @DisplayName("Is pending while files are fetched, also if requests get an earlier version meanwhile")
    void fetching() {
        assertThat(of(adapter("a", State.FETCHING, OFFSET)).progress()).isEqualTo(Progress.PENDING);
        assertThat(of(adapter("a", State.WAITING, OFFSET)).text()).isEqualTo("waiting");
        assertThat(of(replacing("a", 3)).text()).isEqualTo("fetching");
    }

    @Test
    @DisplayName("Has failed with a reason, or if the name was removed or replaced in the meantime")
    void failures() {
        assertThat(of(failed("a", "wrong_digest")).text()).isEqualTo("failed wrong_digest");
        assertThat(of(failed("a", "wrong_digest")).message()).contains("why a failed");
        assertThat(of(adapter("a", State.READY, OFFSET + 1)).state()).isEqualTo("replaced");
        assertThat(NameOnWorker.of(live("w", APPLIED), "a", OptionalLong.of(OFFSET))
                        .state())
                .isEqualTo("absent");
    }

    @Test
    @DisplayName("Is omitted, not ready, if a shortened record of the worker leaves the name out")
    void omitted() {
        Worker shortened = worker(state("w", BASE, APPLIED, 1, adapter("b", State.READY, 2)), true);
        NameOnWorker omitted = NameOnWorker.of(shortened, "a", OptionalLong.of(OFFSET));
        assertThat(omitted.progress()).isEqualTo(Progress.PENDING);
        assertThat(omitted.text()).isEqualTo("omitted");
        assertThat(rollout(shortened).isDecided()).isFalse();
        Worker ready = live("w2", APPLIED, adapter("a", State.READY, OFFSET));
        assertThat(shown(shortened, ready).liveStates()).isEqualTo("1 of 2: omitted, 1 of 2: ready");
        assertThat(shown(shortened).json()).contains("\"state\":\"omitted\"");
        Worker behind = worker(state("w", BASE, OFFSET, 1, adapter("b", State.READY, 2)), true);
        assertThat(NameOnWorker.of(behind, "a", OptionalLong.of(OFFSET)).text()).isEqualTo("behind");
    }

    @Test
    @DisplayName("Is pending for a pinned adapter that is not in memory")
    void pinned() {
        assertThat(of(adapter("a", State.READY, OFFSET)).requireLoaded().progress())
                .isEqualTo(Progress.PENDING);
        assertThat(of(adapter("a", State.LOADED, OFFSET)).requireLoaded().progress())
                .isEqualTo(Progress.DONE);
    }

    @Test
    @DisplayName("Is unknown for a worker whose state can't be read")
    void unknown() {
        Worker silent = new Worker("w", Optional.empty(), Optional.empty(), Instant.EPOCH, true);
        assertThat(NameOnWorker.of(silent, "a", OptionalLong.of(OFFSET)).text()).isEqualTo("unknown");
    }

    @Test
    @DisplayName("Ends a wait if each live worker with the base model is done or has failed, not before there is one")
    void decided() {
        Worker ready = live("w1", APPLIED, adapter("a", State.READY, OFFSET));
        Worker wrong = live("w2", APPLIED, failed("a", "wrong_digest"));
        Worker fetching = live("w3", APPLIED, adapter("a", State.FETCHING, OFFSET));
        Worker gone = worker(state("w4", BASE, 0, 0), false);
        Worker other = worker(state("w5", DIGEST, APPLIED, 0, failed("a", "other_base")), true);
        assertThat(rollout().isDecided()).isFalse();
        assertThat(rollout(gone, other).isDecided()).isFalse();
        assertThat(rollout(ready, fetching).isDecided()).isFalse();
        assertThat(rollout(ready, gone, other).isDecided()).isTrue();
        assertThat(rollout(ready, gone, other).hasFailed()).isFalse();
        assertThat(rollout(ready, wrong).isDecided()).isTrue();
        assertThat(rollout(ready, wrong).hasFailed()).isTrue();
        assertThat(Rollout.of(List.of(ready), "a", stored(true), OFFSET).isDecided())
                .isFalse();
    }

    private static Rollout rollout(Worker... workers) {
        return Rollout.of(List.of(workers), "a", STORED, OFFSET);
    }

    @Test
    @DisplayName("Is shown for all live workers in one text, failures first")
    void liveStates() {
        Worker ready = live("w1", APPLIED, adapter("a", State.READY, OFFSET));
        Worker loaded = live("w2", APPLIED, adapter("a", State.LOADED, OFFSET));
        Worker wrong = live("w3", APPLIED, failed("a", "wrong_digest"));
        Worker gone = worker(state("w4", BASE, 0, 0), false);
        assertThat(shown(loaded, loaded, gone).liveStates()).isEqualTo("loaded 2/2");
        assertThat(shown(ready, loaded).liveStates()).isEqualTo("ready 2/2");
        assertThat(shown(ready, wrong, ready).liveStates()).isEqualTo("1 of 3: failed wrong_digest, 2 of 3: ready");
        assertThat(shown(gone).liveStates()).isEqualTo("no live worker");
    }

    @Test
    @DisplayName("Is a folder of the settings without a record, which a record of the name hides")
    void settings() {
        Worker both = live("w1", APPLIED, adapter("a", State.READY, OFFSET), folder("mine"));
        SortedMap<String, ShownName> names = ShownName.all(new TreeMap<>(Map.of("a", entry())), List.of(both));
        assertThat(names.get("a").kind()).isEqualTo("adapter");
        assertThat(names.get("mine").kind()).isEqualTo("settings");
        assertThat(names.get("mine").digest()).contains(DIGEST);
        assertThat(names.get("mine").json())
                .contains("\"kind\":\"settings\"")
                .doesNotContain("\"offset\":7,\"source\"");
        Worker gone = worker(state("w2", BASE, 0, 0, folder("theirs")), false);
        assertThat(ShownName.all(new TreeMap<>(), List.of(gone))).isEmpty();
    }

    private static NameOnWorker of(Adapter listed) {
        return NameOnWorker.of(live("w", APPLIED, listed), "a", OptionalLong.of(OFFSET));
    }

    private static ShownName shown(Worker... workers) {
        return ShownName.all(new TreeMap<>(Map.of("a", entry())), List.of(workers))
                .get("a");
    }

    private static Entry entry() {
        return new Entry(new Parsed.Valid<>(STORED), OFFSET);
    }
}
