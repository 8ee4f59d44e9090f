package io.tidemark.adapter;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Which adapters are in memory, and who has to go: the one that was asked for longest ago, those that nobody uses first.
 * One that is used leaves this table when it is its turn, so that no newcomer prolongs its stay, and its memory when its
 * last user is done: without this a few adapters that are never idle could keep all others out for ever.
 * Guarded by the store's lock.
 */
final class Residents {

    private final long budget;
    /** From the one asked for longest ago to the latest. */
    private final Map<String, Resident> staying = new LinkedHashMap<>(16, 0.75f, true);

    private final List<Resident> leaving = new ArrayList<>();
    private long stayingBytes;
    private long leavingBytes;
    private long evictions;

    Residents(long budget) {
        this.budget = budget;
    }

    Optional<Resident> find(String id) {
        return Optional.ofNullable(staying.get(id));
    }

    void add(Resident resident) {
        staying.put(resident.adapter().id(), resident);
        stayingBytes += resident.bytes();
    }

    /** True when so much more is within the budget now. */
    boolean fits(long more) {
        return more <= budget - stayingBytes - leavingBytes;
    }

    /** Sends away as many as have to go for a newcomer of this size. */
    void makeWay(long more) {
        List<Resident> idle = staying.values().stream().filter(Resident::isIdle).toList();
        for (Resident next : idle) {
            if (more <= budget - stayingBytes - usedLeavingBytes()) {
                return;
            }
            sendAway(next);
        }
        while (more > budget - stayingBytes && !staying.isEmpty()) {
            sendAway(staying.values().iterator().next());
        }
    }

    /** Whether there are some that were sent away and are used no more. */
    boolean hasAbandoned() {
        return leaving.stream().anyMatch(Resident::isIdle);
    }

    /** Those, once; their memory counts until {@link #freed}. */
    List<Resident> takeAbandoned() {
        List<Resident> abandoned = leaving.stream().filter(Resident::isIdle).toList();
        leaving.removeAll(abandoned);
        return abandoned;
    }

    void freed(Resident resident) {
        leavingBytes -= resident.bytes();
    }

    /** All of them, which are in this table no more. */
    List<Resident> takeAll() {
        List<Resident> all = new ArrayList<>(staying.values());
        all.addAll(leaving);
        staying.clear();
        leaving.clear();
        stayingBytes = 0;
        leavingBytes = 0;
        return all;
    }

    private void sendAway(Resident resident) {
        staying.remove(resident.adapter().id());
        stayingBytes -= resident.bytes();
        leavingBytes += resident.bytes();
        leaving.add(resident);
        evictions++;
    }

    private long usedLeavingBytes() {
        return leaving.stream()
                .filter(resident -> !resident.isIdle())
                .mapToLong(Resident::bytes)
                .sum();
    }

    int size() {
        return staying.size();
    }

    long bytes() {
        return stayingBytes + leavingBytes;
    }

    long evictions() {
        return evictions;
    }
}
