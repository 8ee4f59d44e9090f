package io.tidemark.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.tidemark.generation.InstanceGroups.Granted;
import io.tidemark.generation.layout.EngineLayout;
import io.tidemark.generation.layout.GroupWidth;
import io.tidemark.generation.layout.GroupWidth.Turn;
import io.tidemark.generation.layout.InstanceGroup;
import io.tidemark.generation.layout.InstanceWork;
import io.tidemark.generation.layout.StepSize;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
@DisplayName("Groups of engine instances")
class InstanceGroupsTest {

    private static final int FREE = -1;

    @Test
    @DisplayName(
            "One thread at a time touches an instance, and threads are never more than processors, at random widths")
    void oneThreadAtATime() throws Exception {
        int instances = 8;
        EngineLayout layout = new EngineLayout(instances, 1, instances, 1, false);
        Random random = new Random(3);
        AtomicInteger changes = new AtomicInteger();
        InstanceGroups groups = new InstanceGroups(instances, new RandomWidth(List.of(1, 2, 4, 8), random, changes));
        AtomicIntegerArray owner = new AtomicIntegerArray(instances);
        int[] turnsOf = new int[instances];
        AtomicInteger processors = new AtomicInteger();
        AtomicInteger turns = new AtomicInteger();
        List<String> faults = new CopyOnWriteArrayList<>();
        for (int i = 0; i < instances; i++) {
            owner.set(i, FREE);
        }
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < instances; i++) {
            int thread = i;
            threads.add(new Thread(() -> {
                for (Optional<Granted> turn = groups.enter(thread, () -> {});
                        turn.isPresent();
                        turn = groups.enter(thread, () -> {})) {
                    InstanceGroup group = turn.get().group();
                    if (processors.addAndGet(layout.threadsOf(group)) > instances) {
                        faults.add("more threads than processors");
                    }
                    for (int member = group.first(); member < group.end(); member++) {
                        if (!owner.compareAndSet(member, FREE, thread)) {
                            faults.add(member + " is touched by " + thread + " and " + owner.get(member));
                        }
                        turnsOf[member]++;
                    }
                    Thread.yield();
                    for (int member = group.first(); member < group.end(); member++) {
                        owner.set(member, FREE);
                    }
                    processors.addAndGet(-layout.threadsOf(group));
                    if (turns.incrementAndGet() == 8_000) {
                        groups.close();
                    }
                    groups.leave(turn(turn.get(), true));
                }
                if (!owner.compareAndSet(thread, FREE, thread)) {
                    faults.add(thread + " ends while " + owner.get(thread) + " touches it");
                }
            }));
        }
        IntStream.range(0, instances).forEach(groups::wake);
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(faults).isEmpty();
        assertThat(changes.get()).isGreaterThan(100);
        assertThat(IntStream.of(turnsOf)).allMatch(count -> count > 400);
    }

    @Test
    @DisplayName(
            "Work of a parked instance wakes the idle thread of its group, whose turn has all instances of the group")
    void wakesTheGroup() throws Exception {
        InstanceGroups groups = new InstanceGroups(4, new FixedWidth(2));
        List<InstanceGroup> granted = new CopyOnWriteArrayList<>();
        List<Thread> threads = IntStream.range(0, 4)
                .mapToObj(thread -> new Thread(() -> {
                    for (Optional<Granted> turn = groups.enter(thread, () -> {});
                            turn.isPresent();
                            turn = groups.enter(thread, () -> {})) {
                        granted.add(turn.get().group());
                        groups.leave(turn(turn.get(), false));
                    }
                }))
                .toList();
        threads.forEach(Thread::start);
        await().until(() -> threads.stream().allMatch(thread -> thread.getState() == Thread.State.WAITING));
        groups.wake(3);
        await().until(() -> granted.size() == 1);
        groups.wake(0);
        await().until(() -> granted.size() == 2);
        assertThat(granted).containsExactly(new InstanceGroup(2, 4), new InstanceGroup(0, 2));
        groups.close();
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(granted).hasSize(2);
    }

    @Test
    @DisplayName("Work that arrives during a turn gets another turn")
    void workDuringATurn() {
        InstanceGroups groups = new InstanceGroups(2, new FixedWidth(2));
        groups.wake(0);
        Granted first = groups.enter(0, () -> {}).orElseThrow();
        groups.wake(1);
        groups.leave(turn(first, false));
        assertThat(groups.enter(0, () -> {})).contains(first);
    }

    @Test
    @DisplayName("A thread that waits for a change of the width gets its turn when the change is withdrawn")
    void withdrawnChange() throws Exception {
        InstanceGroups groups = new InstanceGroups(2, new ScriptedWidth(1, 2, 1));
        groups.wake(0);
        groups.wake(1);
        Granted first = groups.enter(0, () -> {}).orElseThrow();
        Granted second = groups.enter(1, () -> {}).orElseThrow();
        assertThat(groups.leave(turn(first, true))).isTrue();
        CompletableFuture<Optional<Granted>> next = new CompletableFuture<>();
        Thread thread = new Thread(() -> next.complete(groups.enter(0, () -> {})));
        thread.start();
        await().until(() -> thread.getState() == Thread.State.WAITING);
        assertThat(groups.leave(turn(second, true))).isFalse();
        assertThat(next.get(30, TimeUnit.SECONDS)).contains(first);
        thread.join();
    }

    @Test
    @DisplayName("A turn states how often the width has changed before it, also to a thread that had no turn meanwhile")
    void changes() {
        InstanceGroups groups = new InstanceGroups(2, new ScriptedWidth(2, 1, 2));
        groups.wake(0);
        Granted before = groups.enter(0, () -> {}).orElseThrow();
        groups.leave(turn(before, false));
        groups.wake(1);
        groups.leave(turn(groups.enter(1, () -> {}).orElseThrow(), false));
        groups.wake(1);
        Granted after = groups.enter(0, () -> {}).orElseThrow();
        assertThat(after.group()).isEqualTo(before.group());
        assertThat(after.changes()).isEqualTo(before.changes() + 2);
    }

    @Test
    @DisplayName("GroupWidth.begins is called once before each turn")
    void begins() {
        List<InstanceGroup> begun = new ArrayList<>();
        InstanceGroups groups = new InstanceGroups(2, new GroupWidth() {
            @Override
            public int start() {
                return 1;
            }

            @Override
            public void begins(InstanceGroup group) {
                begun.add(group);
            }

            @Override
            public int next(Turn turn) {
                return 1;
            }
        });
        groups.wake(0);
        groups.wake(1);
        Granted first = groups.enter(1, () -> {}).orElseThrow();
        Granted second = groups.enter(0, () -> {}).orElseThrow();
        assertThat(begun).containsExactly(first.group(), second.group());
    }

    /** Widths one after another, the first one before the first turn; the last one stays. */
    private static final class ScriptedWidth implements GroupWidth {
        private final Deque<Integer> widths;

        ScriptedWidth(Integer... widths) {
            this.widths = new ArrayDeque<>(List.of(widths));
        }

        @Override
        public int start() {
            return widths.remove();
        }

        @Override
        public int next(Turn turn) {
            return widths.size() > 1 ? widths.remove() : widths.element();
        }
    }

    @Test
    @DisplayName(
            "After a failure in a turn, a parked thread gets its instance back when the turn has ended, not before")
    void failure() throws Exception {
        InstanceGroups groups = new InstanceGroups(2, new FixedWidth(2));
        groups.wake(1);
        groups.enter(0, () -> {}).orElseThrow();
        CountDownLatch ended = new CountDownLatch(1);
        Thread parked = new Thread(() -> {
            assertThat(groups.enter(1, () -> {})).isEmpty();
            ended.countDown();
        });
        parked.start();
        groups.close();
        await().until(() -> parked.getState() == Thread.State.WAITING);
        assertThat(ended.getCount()).isEqualTo(1);
        groups.fail(0);
        ended.await();
    }

    @Test
    @DisplayName("A thread learns that it is parked or that the groups are paused, but not that it has no work")
    void onPark() throws Exception {
        InstanceGroups groups = new InstanceGroups(2, new FixedWidth(2));
        List<AtomicInteger> calls = List.of(new AtomicInteger(), new AtomicInteger());
        List<Thread> threads = IntStream.range(0, 2)
                .mapToObj(i -> new Thread(() -> groups.enter(i, calls.get(i)::incrementAndGet)))
                .toList();
        try {
            threads.forEach(Thread::start);
            await().untilAsserted(() -> assertThat(calls.get(1)).hasValue(1));
            await().until(() -> threads.stream().allMatch(thread -> thread.getState() == Thread.State.WAITING));
            assertThat(calls.get(0)).hasValue(0);
            groups.pause();
            await().untilAsserted(() -> assertThat(calls.get(0)).hasValue(1));
            groups.resume();
        } finally {
            groups.close();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(calls.get(1)).hasValue(1);
    }

    @Test
    @DisplayName("A pause that ends while a thread learns of it does not delay the thread's turn")
    void resumesMeanwhile() throws Exception {
        InstanceGroups groups = new InstanceGroups(1, new FixedWidth(1));
        groups.wake(0);
        groups.pause();
        assertThat(CompletableFuture.supplyAsync(() -> groups.enter(0, groups::resume))
                        .get(30, TimeUnit.SECONDS))
                .isPresent();
    }

    @Test
    @DisplayName("A pause waits for running turns, also if one fails, and no turn starts before it ends")
    void pause() throws Exception {
        for (boolean fails : List.of(false, true)) {
            InstanceGroups groups = new InstanceGroups(3, new FixedWidth(1));
            IntStream.range(0, 3).forEach(groups::wake);
            Granted first = groups.enter(0, () -> {}).orElseThrow();
            Granted second = groups.enter(1, () -> {}).orElseThrow();
            Thread pausing = new Thread(groups::pause);
            pausing.start();
            await().until(() -> pausing.getState() == Thread.State.WAITING);
            groups.leave(turn(first, true));
            List<Thread> waiting = Stream.of(0, 2)
                    .map(thread -> new Thread(() -> groups.enter(thread, () -> {})))
                    .toList();
            waiting.forEach(Thread::start);
            awaitWaiting(waiting);
            assertThat(pausing.isAlive()).isTrue();
            if (fails) {
                groups.fail(1);
            } else {
                groups.leave(turn(second, true));
            }
            pausing.join();
            if (!fails) {
                awaitWaiting(waiting);
                groups.resume();
            }
            for (Thread thread : waiting) {
                thread.join();
            }
        }
    }

    private static void awaitWaiting(List<Thread> threads) {
        await().until(() -> threads.stream().allMatch(thread -> thread.getState() == Thread.State.WAITING));
    }

    @Test
    @DisplayName("A pause begins at the mean end of the last turns of instances that have work, or at the present time")
    void pauseTime() {
        InstanceGroups groups = new InstanceGroups(3, new FixedWidth(1));
        long before = System.nanoTime();
        assertThat(groups.pause() - before).isBetween(0L, System.nanoTime() - before);
        groups.resume();
        long now = System.nanoTime();
        groups.wake(0);
        groups.wake(1);
        groups.leave(turn(groups.enter(0, () -> {}).orElseThrow(), true, now + 1_000));
        groups.leave(turn(groups.enter(1, () -> {}).orElseThrow(), true, now + 4_000));
        groups.wake(2);
        assertThat(groups.pause()).isEqualTo(now + 2_500);
        groups.resume();
        // woken, but without a turn since the pause
        long later = System.nanoTime();
        assertThat(groups.pause() - later).isBetween(0L, System.nanoTime() - later);
        groups.close();
    }

    @Test
    @DisplayName("The clock of the choice of widths stands still in a pause")
    void clock() {
        List<Long> ends = new ArrayList<>();
        InstanceGroups groups = new InstanceGroups(1, new GroupWidth() {
            @Override
            public int start() {
                return 1;
            }

            @Override
            public int next(Turn turn) {
                ends.add(turn.endNanos());
                return 1;
            }
        });
        groups.wake(0);
        long first = System.nanoTime();
        groups.leave(turn(groups.enter(0, () -> {}).orElseThrow(), true, first));
        groups.pause();
        long pauseBegan = System.nanoTime();
        long pauseEnds = System.nanoTime();
        groups.resume();
        long second = System.nanoTime();
        groups.leave(turn(groups.enter(0, () -> {}).orElseThrow(), true, second));
        assertThat(ends.get(0)).isEqualTo(first);
        assertThat(ends.get(1) - first).isBetween(0L, second - first - (pauseEnds - pauseBegan));
    }

    private static Turn turn(Granted granted, boolean active) {
        return turn(granted, active, 1);
    }

    private static Turn turn(Granted granted, boolean active, long endNanos) {
        InstanceWork work = new InstanceWork(StepSize.NONE, 0, false, false, false, active);
        return new Turn(
                granted.width(),
                granted.group(),
                IntStream.range(0, granted.group().size()).mapToObj(i -> work).toList(),
                false,
                0,
                1,
                endNanos);
    }
}
