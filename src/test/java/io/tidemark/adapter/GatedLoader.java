package io.tidemark.adapter;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;

/** Records loads, and can delay them or make them fail. */
final class GatedLoader implements AdapterLoads.Loader {

    private final AdapterLoads.Loader real;
    private final List<String> loads = new CopyOnWriteArrayList<>();
    private final List<String> threads = new CopyOnWriteArrayList<>();
    private volatile CountDownLatch gate = new CountDownLatch(0);
    private volatile Set<String> hanging = Set.of();
    private volatile CountDownLatch hangingGate = new CountDownLatch(0);
    private volatile String broken = "";
    private volatile Optional<Error> error = Optional.empty();

    GatedLoader(AdapterLoads.Loader real) {
        this.real = real;
    }

    /** Later loads wait for the returned latch. */
    CountDownLatch hold() {
        gate = new CountDownLatch(1);
        return gate;
    }

    /** Loads of these adapters wait for the returned latch, also when they are interrupted. */
    CountDownLatch hang(String... ids) {
        hanging = Set.of(ids);
        hangingGate = new CountDownLatch(1);
        return hangingGate;
    }

    void breakLoadsOf(String id) {
        broken = id;
    }

    /** Later loads end with an error. */
    void endWith(Error planted) {
        error = Optional.of(planted);
    }

    List<String> loads() {
        return loads;
    }

    List<String> threads() {
        return threads;
    }

    @Override
    public long check(Path folder) {
        return real.check(folder);
    }

    @Override
    public LoadedAdapter load(String id, Path folder) {
        loads.add(id);
        threads.add(Thread.currentThread().getName());
        try {
            gate.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        if (hanging.contains(id)) {
            awaitUninterruptibly(hangingGate);
        }
        error.ifPresent(planted -> {
            throw planted;
        });
        if (id.equals(broken)) {
            throw InvalidAdapterException.broken(folder, "is broken for this test");
        }
        return real.load(id, folder);
    }

    /** Like a read from a volume that does not respond. Clears the interruption, which would end the load. */
    private static void awaitUninterruptibly(CountDownLatch latch) {
        while (latch.getCount() > 0) {
            try {
                latch.await();
            } catch (InterruptedException e) {
                Thread.yield();
            }
        }
    }
}
