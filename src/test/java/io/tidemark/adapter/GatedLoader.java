package io.tidemark.adapter;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;

/** Loads as the real one does, but may be held, counts, and can be made to fail. */
final class GatedLoader implements AdapterLoader {

    private final AdapterLoader real;
    private final List<String> loads = new CopyOnWriteArrayList<>();
    private final List<String> threads = new CopyOnWriteArrayList<>();
    private volatile CountDownLatch gate = new CountDownLatch(0);
    private volatile String broken = "";

    GatedLoader(AdapterLoader real) {
        this.real = real;
    }

    /** From now on loads wait; count down to let them go on. */
    CountDownLatch hold() {
        gate = new CountDownLatch(1);
        return gate;
    }

    void breakLoadsOf(String id) {
        broken = id;
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
        if (id.equals(broken)) {
            throw AdapterRefused.broken(folder, "is broken for this test");
        }
        return real.load(id, folder);
    }
}
