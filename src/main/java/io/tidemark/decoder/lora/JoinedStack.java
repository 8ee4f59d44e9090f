package io.tidemark.decoder.lora;

import io.tidemark.decoder.DecoderFailed;
import io.tidemark.decoder.DecoderParts;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/**
 * Keeps one stack joined with the base's linears, whose product then gives the stack's first as well: half of the calls of
 * small products that LoRA costs in a step of few rows. It takes a copy of the base's linears, and longer to pack than a
 * stack; so a stack is joined when it has served alone for a while, and one at a time.
 */
final class JoinedStack implements AutoCloseable {

    private static final System.Logger LOG = System.getLogger(JoinedStack.class.getName());
    /** Steps that a stack serves alone before it is joined: packing takes what it spares in some 1,500, so it is for such as stay. */
    private static final int STEPS_ALONE = 512;
    /** A row's product is with all members' A: of more than these it takes longer than the row's own A alone. */
    private static final int MOST_MEMBERS = 16;

    private final StackBuilder builder;
    private final long copyBytes;
    private boolean allowed;
    private Optional<LoraStack> joined = Optional.empty();

    /** How long one engine instance has used a single stack. */
    static final class Alone {
        private Optional<LoraStack> stack = Optional.empty();
        private int steps;

        private int step(LoraStack only) {
            steps = stack.filter(last -> last == only).isPresent() ? steps + 1 : 0;
            stack = Optional.of(only);
            return steps;
        }
    }

    JoinedStack(StackBuilder builder, DecoderParts parts) {
        this.builder = builder;
        this.copyBytes = parts.config().layerWeights() * parts.config().numLayers();
        this.allowed =
                !parts.options().deterministic() && copyBytes <= parts.options().packedLoraBytes() / 2;
    }

    /**
     * Takes what was joined since. Rows run without it too, so where it fails it is not tried again.
     *
     * @return the joined stack if no row may use one of its adapters any more; the caller closes it
     */
    List<LoraStack> take() {
        try {
            builder.takeJoined().ifPresent(stack -> joined = Optional.of(stack));
        } catch (DecoderFailed e) {
            allowed = false;
            LOG.log(System.Logger.Level.WARNING, "adapters are not joined with the base's linears any more", e);
        }
        return joined.filter(LoraStack::isSpoilt).isPresent() ? takeOut() : List.of();
    }

    /**
     * The stacks that a step uses.
     *
     * @param alone   of the engine instance whose step it is
     * @param others  what other steps use: a joined stack that one of them uses stays
     * @param leaving gets the joined stack if another one is built in its place
     */
    List<LoraStack> inPlaceOf(StackCover cover, Alone alone, List<LoraStack> others, List<LoraStack> leaving) {
        if (!isJoinable(cover.used())) {
            alone.steps = 0;
            return cover.used();
        }
        LoraStack only = cover.used().get(0);
        if (joined.filter(stack -> stack.isOf(only)).isPresent()) {
            return List.of(joined.get());
        }
        if (joined.filter(others::contains).isPresent()) {
            return cover.used();
        }
        if (alone.step(only) >= STEPS_ALONE && !builder.isBusy()) {
            alone.steps = 0;
            leaving.addAll(takeOut()); // so that there are never two copies
            builder.startJoining(only);
        }
        return cover.used();
    }

    private List<LoraStack> takeOut() {
        List<LoraStack> taken = joined.stream().toList();
        joined = Optional.empty();
        return taken;
    }

    /** Whether the stacks of a step stay what they are, however often they are asked for. */
    boolean isSettled(List<LoraStack> stacks) {
        return !isJoinable(stacks)
                || joined.filter(stack -> stack == stacks.get(0)).isPresent();
    }

    private boolean isJoinable(List<LoraStack> stacks) {
        return allowed && stacks.size() == 1 && isSmall(stacks.get(0).members());
    }

    /** Whether a stack of these could be joined. */
    static boolean isSmall(Collection<LoraWeights> members) {
        return members.size() <= MOST_MEMBERS;
    }

    boolean has(Collection<LoraWeights> adapters) {
        return joined.filter(stack -> stack.members().containsAll(adapters)).isPresent();
    }

    /** What it takes in memory. */
    long bytes() {
        return joined.map(stack -> copyBytes + stack.bytes()).orElse(0L);
    }

    @Override
    public void close() {
        joined.ifPresent(LoraStack::close);
        joined = Optional.empty();
    }
}
