package io.tidemark.decoder.lora;

import static io.tidemark.decoder.script.DecoderMethod.FUSE_WITH_BASE;
import static io.tidemark.decoder.script.DecoderMethod.MERGE_GROUPS;
import static io.tidemark.decoder.script.DecoderMethod.PACKED_BYTES;

import io.tidemark.decoder.script.DecoderException;
import io.tidemark.decoder.script.DecoderMethod;
import io.tidemark.torch.BackgroundExecutor;
import io.tidemark.torch.Script;
import io.tidemark.torch.Torch;
import io.tidemark.torch.Value;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Builds packed groups, and fuses groups with the base model, on the thread {@code tidemark-lora-packing} while steps
 * run. Its methods must not be called concurrently.
 */
final class PackedGroupBuilder implements AutoCloseable {

    private final Torch torch;
    private final Script script;
    private final BackgroundExecutor executor;
    private Optional<CompletableFuture<List<PackedLoraGroup>>> building = Optional.empty();
    private Optional<CompletableFuture<PackedLoraGroup>> fusing = Optional.empty();

    PackedGroupBuilder(Torch torch, Script script) {
        this.torch = torch;
        this.script = script;
        this.executor = new BackgroundExecutor("tidemark-lora-packing", torch::lowerThreadPriority);
    }

    /**
     * Starts to build a group for each list of members. Members may be closed meanwhile; a list with a member that is
     * closed already is skipped.
     */
    void start(List<List<LoraWeights>> memberLists) {
        List<List<LoraWeights>> open = new ArrayList<>();
        List<Value> sources = new ArrayList<>();
        for (List<LoraWeights> members : memberLists) {
            retain(members, new ArrayList<>()).ifPresent(source -> {
                open.add(members);
                sources.add(source);
            });
        }
        building = Optional.of(CompletableFuture.supplyAsync(() -> buildAll(open, sources), executor));
    }

    /** Whether a result was started and not taken. */
    boolean isBusy() {
        return isBuilding() || fusing.isPresent();
    }

    /** Whether groups were started and not taken. */
    boolean isBuilding() {
        return building.isPresent();
    }

    /**
     * The result of {@link #start}, once; empty until it is finished.
     *
     * @throws DecoderException if libtorch could not build the groups
     */
    List<PackedLoraGroup> take() {
        Optional<CompletableFuture<List<PackedLoraGroup>>> done = building.filter(CompletableFuture::isDone);
        if (done.isEmpty()) {
            return List.of();
        }
        building = Optional.empty();
        return result(done.get());
    }

    /** Starts to fuse a group with the base model's linear modules. The group may be closed meanwhile. */
    void startFusing(PackedLoraGroup group) {
        Value source = torch.list(List.of(group.value()));
        fusing = Optional.of(CompletableFuture.supplyAsync(
                () -> {
                    try (source) {
                        return build(group.members(), FUSE_WITH_BASE, source);
                    }
                },
                executor));
    }

    /**
     * The result of {@link #startFusing}, once; empty until it is finished.
     *
     * @throws DecoderException if libtorch could not fuse the group
     */
    Optional<PackedLoraGroup> takeFused() {
        Optional<CompletableFuture<PackedLoraGroup>> done = fusing.filter(CompletableFuture::isDone);
        if (done.isPresent()) {
            fusing = Optional.empty();
        }
        return done.map(PackedGroupBuilder::result);
    }

    private static <T> T result(CompletableFuture<T> done) {
        try {
            return done.join();
        } catch (CompletionException e) {
            throw new DecoderException(e);
        }
    }

    /**
     * A list of the members' own groups, which keeps their tensors in memory; empty if a member is closed. Holds the
     * locks of all members while it makes the list, because another engine instance may close one at any time.
     */
    private Optional<Value> retain(List<LoraWeights> members, List<Value> groups) {
        if (groups.size() == members.size()) {
            return Optional.of(torch.list(groups));
        }
        LoraWeights next = members.get(groups.size());
        synchronized (next) {
            if (next.isClosed()) {
                return Optional.empty();
            }
            groups.add(next.packed().orElseThrow().value());
            return retain(members, groups);
        }
    }

    private List<PackedLoraGroup> buildAll(List<List<LoraWeights>> memberLists, List<Value> sources) {
        List<PackedLoraGroup> groups = new ArrayList<>();
        try {
            for (int i = 0; i < memberLists.size(); i++) {
                groups.add(build(memberLists.get(i), MERGE_GROUPS, sources.get(i)));
            }
            return groups;
        } catch (RuntimeException e) {
            groups.forEach(PackedLoraGroup::close);
            throw e;
        } finally {
            sources.forEach(Value::close);
        }
    }

    private PackedLoraGroup build(List<LoraWeights> members, DecoderMethod method, Value source) {
        Value group = script.call(method, source);
        try (Value bytes = script.call(PACKED_BYTES, group)) {
            return new PackedLoraGroup(members, group, bytes.toNumber());
        } catch (RuntimeException e) {
            group.close();
            throw e;
        }
    }

    @Override
    public void close() {
        executor.close();
        building.ifPresent(work -> work.thenAccept(groups -> groups.forEach(PackedLoraGroup::close)));
        fusing.ifPresent(work -> work.thenAccept(PackedLoraGroup::close));
    }
}
