package io.tidemark.decoder.lora;

import io.tidemark.decoder.DecoderFailed;
import io.tidemark.decoder.DecoderParts;
import io.tidemark.torch.BackgroundExecutor;
import io.tidemark.torch.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Copies adapters' own stacks into shared ones, and joins stacks with the base, on the thread {@code tidemark-stacks}: rows run
 * on meanwhile. Its methods are called by one thread at a time.
 */
final class StackBuilder implements AutoCloseable {

    private final DecoderParts parts;
    private final BackgroundExecutor thread;
    private Optional<CompletableFuture<List<LoraStack>>> underWay = Optional.empty();
    private Optional<CompletableFuture<LoraStack>> joining = Optional.empty();

    StackBuilder(DecoderParts parts) {
        this.parts = parts;
        this.thread = new BackgroundExecutor("tidemark-stacks", parts.torch()::lowerThreadPriority);
    }

    /** A stack for each list of members. They may be closed meanwhile; a list with one that is closed now gets none. */
    void start(List<List<LoraWeights>> members) {
        List<List<LoraWeights>> open = new ArrayList<>();
        List<Value> held = new ArrayList<>();
        for (List<LoraWeights> group : members) {
            held(group, new ArrayList<>()).ifPresent(stacks -> {
                open.add(group);
                held.add(stacks);
            });
        }
        underWay = Optional.of(CompletableFuture.supplyAsync(() -> packed(open, held), thread));
    }

    /** Whether stacks were asked for that nobody has taken. */
    boolean isBusy() {
        return underWay.isPresent() || joining.isPresent();
    }

    /**
     * What {@link #start} was asked for, once it is there; empty before.
     *
     * @throws DecoderFailed when libtorch could not pack them
     */
    List<LoraStack> take() {
        Optional<CompletableFuture<List<LoraStack>>> done = underWay.filter(CompletableFuture::isDone);
        if (done.isEmpty()) {
            return List.of();
        }
        underWay = Optional.empty();
        return result(done.get());
    }

    /** Joins a stack with the base's linears, on the other thread. The stack may be closed meanwhile. */
    void startJoining(LoraStack stack) {
        Value held = parts.torch().list(List.of(stack.value()));
        joining = Optional.of(CompletableFuture.supplyAsync(
                () -> {
                    try (held) {
                        return built(stack.members(), "joined_int8", held);
                    }
                },
                thread));
    }

    /**
     * What {@link #startJoining} was asked for, once it is there; empty before.
     *
     * @throws DecoderFailed when libtorch could not join it
     */
    Optional<LoraStack> takeJoined() {
        Optional<CompletableFuture<LoraStack>> done = joining.filter(CompletableFuture::isDone);
        if (done.isPresent()) {
            joining = Optional.empty();
        }
        return done.map(StackBuilder::result);
    }

    private static <T> T result(CompletableFuture<T> done) {
        try {
            return done.join();
        } catch (CompletionException e) {
            throw new DecoderFailed(e);
        }
    }

    /**
     * A list of the members' own stacks, which keeps them in memory; empty where one is closed. None is closed while the list is
     * made: another instance's rows of an adapter may just have ended.
     */
    private Optional<Value> held(List<LoraWeights> members, List<Value> stacks) {
        if (stacks.size() == members.size()) {
            return Optional.of(parts.torch().list(stacks));
        }
        LoraWeights next = members.get(stacks.size());
        synchronized (next) {
            if (next.isClosed()) {
                return Optional.empty();
            }
            stacks.add(next.stack().orElseThrow().value());
            return held(members, stacks);
        }
    }

    private List<LoraStack> packed(List<List<LoraWeights>> members, List<Value> held) {
        List<LoraStack> stacks = new ArrayList<>();
        try {
            for (int i = 0; i < members.size(); i++) {
                stacks.add(built(members.get(i), "shared_int8", held.get(i)));
            }
            return stacks;
        } catch (RuntimeException e) {
            stacks.forEach(LoraStack::close);
            throw e;
        } finally {
            held.forEach(Value::close);
        }
    }

    private LoraStack built(List<LoraWeights> members, String method, Value from) {
        Value stack = parts.script().call(method, from);
        try (Value bytes = parts.script().call("stacked_bytes", stack)) {
            return new LoraStack(members, stack, bytes.toNumber());
        } catch (RuntimeException e) {
            stack.close();
            throw e;
        }
    }

    @Override
    public void close() {
        thread.close();
        underWay.ifPresent(work -> work.thenAccept(stacks -> stacks.forEach(LoraStack::close)));
        joining.ifPresent(work -> work.thenAccept(LoraStack::close));
    }
}
