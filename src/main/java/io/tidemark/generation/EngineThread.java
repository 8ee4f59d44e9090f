package io.tidemark.generation;

import io.tidemark.decoder.Decoder;
import io.tidemark.generation.InstanceGroups.Granted;
import io.tidemark.generation.StepLoop.Ran;
import io.tidemark.generation.layout.EngineLayout;
import io.tidemark.generation.layout.GroupWidth.Turn;
import io.tidemark.generation.layout.InstanceGroup;
import io.tidemark.generation.layout.InstanceWork;
import io.tidemark.generation.layout.StepSize;
import io.tidemark.generation.layout.StepThreads;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A thread {@code tidemark-engine-N}. It runs the turns of the instances that {@link InstanceGroups} gives to it: those
 * of its own instance, or of a group whose first instance is its own. It is parked while its instance is in the group
 * of another one. The private methods run on this thread.
 */
final class EngineThread {

    private static final System.Logger LOG = System.getLogger(EngineThread.class.getName());

    /**
     * After this many turns of a group without a change of the width, the instances release what their own decoders
     * keep between steps. A trial of joint steps does not reach it if a turn takes 1.4 ms or longer.
     */
    private static final int TURNS_BEFORE_PAUSE = 256;

    private final EngineInstance own;
    private final List<EngineInstance> instances;
    private final EngineLayout layout;
    private final InstanceGroups groups;
    private final StepLoop loop;
    /**
     * For the steps of a group of several instances, also if only one of them has rows: adapters are packed for these
     * steps apart from those of an instance that is its own group.
     */
    private final Decoder jointDecoder;
    /** The joint decoders of all threads, by instance. */
    private final List<Decoder> jointDecoders;

    private final Runnable onFailure;
    private final Thread thread;
    /** Changes of the width before the last turn. */
    private int changes;
    /** Turns in groups of several instances since that change. */
    private int turnsOfGroup;

    private volatile boolean aborted;
    /** Empty while the thread waits or is parked. */
    private volatile Optional<RunningStep> runningStep = Optional.empty();

    /**
     * @param own       the instance that belongs to this thread
     * @param instances all instances of the engine
     * @param stepThreads of steps with rows of one instance
     * @param masks   of the steps of this thread
     * @param jointDecoders by instance; this thread closes that of its own instance
     * @param onFailure called on this thread if an error ends it
     */
    EngineThread(
            EngineLayout layout,
            EngineInstance own,
            List<EngineInstance> instances,
            InstanceGroups groups,
            StepThreads stepThreads,
            StepMasks masks,
            List<Decoder> jointDecoders,
            Runnable onFailure) {
        this.own = own;
        this.instances = instances;
        this.layout = layout;
        this.groups = groups;
        this.loop = new StepLoop(stepThreads, masks, this::started);
        this.jointDecoder = jointDecoders.get(own.index());
        this.jointDecoders = jointDecoders;
        this.onFailure = onFailure;
        this.thread = new Thread(this::run, "tidemark-engine-" + own.index());
    }

    void start() {
        thread.start();
    }

    boolean isAlive() {
        return thread.isAlive();
    }

    /** What the thread does at the moment; empty while it waits for work or is parked. */
    Optional<RunningStep> runningStep() {
        return runningStep;
    }

    /** Whether further joint steps of this thread leave the packed groups unchanged. Any thread may call. */
    boolean isStable() {
        return jointDecoder.isStable();
    }

    /** When the groups are closed, the thread fails running requests instead of cancelling them. */
    void abort() {
        aborted = true;
    }

    /** Waits until the thread has ended, the timeout has passed or an interrupt; returns whether it has ended. */
    boolean join(Duration timeout) {
        try {
            // 0 would wait without a limit
            thread.join(Math.max(1, timeout.toMillis()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return !thread.isAlive();
    }

    private void run() {
        try {
            // before the first call of libtorch, which would otherwise start a thread pool for all processors
            jointDecoder.setThreads(layout.threads());
            for (Optional<Granted> granted = enter(); granted.isPresent(); granted = enter()) {
                Turn turn = turn(granted.get());
                runningStep = Optional.empty();
                if (groups.leave(turn)) {
                    jointDecoder.pause();
                }
            }
            own.closeCommands();
            if (aborted) {
                own.runCommands();
            } else {
                own.cancelAll();
            }
        } catch (RuntimeException | Error e) {
            LOG.log(System.Logger.Level.ERROR, "an engine instance failed; all requests of the engine fail", e);
            aborted = true;
            failGroups();
        } finally {
            runningStep = Optional.empty();
            try {
                own.close(aborted);
            } finally {
                jointDecoder.close();
            }
        }
    }

    /** A parked thread keeps no other threads for its operators: the teams of all threads should fit the processors. */
    private Optional<Granted> enter() {
        return groups.enter(own.index(), jointDecoder::releaseThreads);
    }

    /** Whatever a callback throws, the other threads are not left waiting for this one. */
    private void failGroups() {
        try {
            onFailure.run();
        } finally {
            groups.fail(own.index());
            own.runCommands();
        }
    }

    private Turn turn(Granted granted) {
        InstanceGroup group = granted.group();
        if (granted.changes() != changes) {
            changes = granted.changes();
            turnsOfGroup = 0;
            // the threads of the group may have led other groups before the change
            pauseJointDecoders(group);
        }
        List<EngineInstance> members = instances.subList(group.first(), group.end());
        long start = System.nanoTime();
        started(List.of());
        members.forEach(EngineInstance::beginTurn);
        Ran ran = startsWithoutStep(members)
                ? new Ran(members.stream().map(member -> StepSize.NONE).toList(), false, false)
                : step(group, members);
        List<StepSize> steps = ran.sizes();
        if (steps.stream().filter(step -> step.rows() > 0).count() > 1) {
            own.countJointStep();
        }
        pauseDecoders(group, members, steps);
        List<Boolean> slices = members.stream().map(this::runBackgroundSlice).toList();
        long end = System.nanoTime();
        List<InstanceWork> work = new ArrayList<>();
        for (int i = 0; i < members.size(); i++) {
            work.add(members.get(i).endTurn(steps.get(i), slices.get(i), ran.packing(), end - start));
        }
        return new Turn(granted.width(), group, work, ran.exceeded(), own.startableRequests(), end - start, end);
    }

    /**
     * Starts queued requests if the group is wide and idle. Returns true if several requests start. The turn then has
     * no step: the next turns may have a smaller width, where the prompts are processed side by side instead of in one
     * step.
     */
    private boolean startsWithoutStep(List<EngineInstance> members) {
        if (members.size() == 1 || members.stream().anyMatch(EngineInstance::hasSequences)) {
            return false;
        }
        StepLoop.admit(results(members));
        long startingInstances =
                members.stream().filter(EngineInstance::hasSequences).count();
        return startingInstances > 1 || startingInstances == 1 && own.startableRequests() > 0;
    }

    private Ran step(InstanceGroup group, List<EngineInstance> members) {
        Decoder decoder = group.size() == 1 ? own.useDecoder() : jointDecoder;
        return loop.step(decoder, results(members), layout.threadsOf(group));
    }

    private static List<StepResults> results(List<EngineInstance> members) {
        return members.stream().map(EngineInstance::results).toList();
    }

    private void pauseDecoders(InstanceGroup group, List<EngineInstance> members, List<StepSize> steps) {
        if (members.stream().noneMatch(EngineInstance::hasSequences)
                && steps.stream().allMatch(step -> step.rows() == 0)) {
            pauseJointDecoders(group);
            members.forEach(EngineInstance::pauseDecoder);
        } else if (members.size() > 1 && ++turnsOfGroup == TURNS_BEFORE_PAUSE) {
            members.forEach(EngineInstance::pauseDecoder);
        }
    }

    /** Releases what joint decoders keep between steps. Threads that are parked do not use theirs. */
    private void pauseJointDecoders(InstanceGroup group) {
        jointDecoders.subList(group.first(), group.end()).forEach(Decoder::pause);
    }

    /** Returns whether the instance had a slice to run. */
    private boolean runBackgroundSlice(EngineInstance instance) {
        if (!instance.hasBackgroundTask()) {
            return false;
        }
        started(List.of());
        jointDecoder.setThreads(layout.threads());
        instance.runBackgroundSlice();
        return true;
    }

    private void started(List<String> requests) {
        runningStep = Optional.of(new RunningStep(own.index(), requests));
    }
}
