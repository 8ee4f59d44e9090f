package io.tidemark.stream.delivery.partition;

import java.util.BitSet;
import java.util.Map;
import java.util.OptionalLong;

/**
 * The deaths of the owners of a partition, kept in {@link CommitMetadata}. It decides which request is a crashing one,
 * which ends every worker that runs it; {@code CrashIsolation} runs the suspects:
 *
 * <ol>
 *   <li>The requests that may have been running at a death are its suspects: the oldest ones without a result, as many
 *       as a worker runs. A crashing request is usually a suspect of each death that it causes. So deaths count
 *       together as long as they share a suspect. Offsets without records count as requests; if the crashing request
 *       is therefore no suspect, the requests before it run alone first.
 *   <li>After {@value #MAX_DEATHS} of them, the common suspects run one at a time. Each is named in {@code tried} by a
 *       commit before it starts.
 *   <li>A request that was named at {@value #MAX_DEATHS} deaths is not run again; its result is the error
 *       {@code worker_crashed}.
 *   <li>When all suspects have run alone, the deaths are forgotten.
 * </ol>
 *
 * @param deaths      deaths with common suspects
 * @param suspectsEnd the offset after the last common suspect; the first one is the oldest request without a result
 * @param tried       offset of the suspect that runs alone
 * @param tries       deaths while {@code tried} was running
 */
public record CrashHistory(int deaths, long suspectsEnd, OptionalLong tried, int tries) {

    public static final int MAX_DEATHS = 2;

    public static final CrashHistory NONE = new CrashHistory(0, 0, OptionalLong.empty(), 0);

    private static final String BELOW = "<";
    private static final String TIMES = "x";

    /** @throws IllegalArgumentException if a number is negative, or {@code tried} is no suspect */
    public CrashHistory {
        boolean isSuspect = deaths >= MAX_DEATHS && tried.orElse(-1) < suspectsEnd;
        if (deaths < 0 || suspectsEnd < 0 || tries < 0 || tried.isPresent() && !isSuspect) {
            throw new IllegalArgumentException("deaths, the end of the suspects and the tried request contradict");
        }
    }

    /**
     * The history after the death of an owner.
     *
     * @param committed the committed offset
     * @param running   the offset after the last request that the owner may have been running, above {@code committed}
     */
    public CrashHistory afterDeath(long committed, long running) {
        if (tried.isPresent()) {
            return new CrashHistory(deaths, suspectsEnd, tried, tries + 1);
        }
        return deaths > 0 && committed < suspectsEnd
                ? new CrashHistory(deaths + 1, Math.min(suspectsEnd, running), tried, tries)
                : new CrashHistory(1, running, tried, tries);
    }

    /**
     * The offset after the last request that an owner may have been running, if it runs the oldest ones that have no
     * result.
     *
     * @param committed  the committed offset
     * @param logEnd     the offset after the last record of the log
     * @param finished   bit {@code i} is set if the request at {@code committed + i} has a result
     * @param maxRunning requests that an owner runs
     * @return {@code committed} if no request was open
     */
    static long endOfRunning(long committed, long logEnd, BitSet finished, int maxRunning) {
        long offset = committed;
        long end = committed;
        for (int open = 0; open < maxRunning && offset < logEnd; offset++) {
            if (!finished.get(Math.toIntExact(offset - committed))) {
                open++;
                end = offset + 1;
            }
        }
        return end;
    }

    /** Whether there are suspects that run one at a time. */
    public boolean isIsolating() {
        return deaths >= MAX_DEATHS;
    }

    /** Whether this request has to run alone. */
    public boolean isSuspect(long request) {
        return isIsolating() && request < suspectsEnd;
    }

    /** Whether this request is named as the one that runs alone. */
    public boolean isTrying(long request) {
        return tried.isPresent() && tried.getAsLong() == request;
    }

    /** The history after this request was named as the one that runs next. */
    CrashHistory trying(long request) {
        return new CrashHistory(deaths, suspectsEnd, OptionalLong.of(request), 0);
    }

    /** Whether the named request has ended workers and must not run again. */
    public boolean isCrashing(long request) {
        return isTrying(request) && tries >= MAX_DEATHS;
    }

    /** The history after this request has a result. */
    CrashHistory finished(long request) {
        return isTrying(request) ? new CrashHistory(deaths, suspectsEnd, OptionalLong.empty(), 0) : this;
    }

    /** The history after all requests below an offset have a result. */
    CrashHistory committed(long offset) {
        return offset < suspectsEnd ? this : NONE;
    }

    static CrashHistory parse(Map<String, String> fields) {
        if (!fields.containsKey("deaths")) {
            return NONE;
        }
        String[] deaths = pair(fields, "deaths", BELOW);
        int count = Integer.parseInt(deaths[0]);
        long end = Long.parseLong(deaths[1]);
        if (!fields.containsKey("trying")) {
            return new CrashHistory(count, end, OptionalLong.empty(), 0);
        }
        String[] tried = pair(fields, "trying", TIMES);
        return new CrashHistory(count, end, OptionalLong.of(Long.parseLong(tried[0])), Integer.parseInt(tried[1]));
    }

    private static String[] pair(Map<String, String> fields, String field, String separator) {
        String[] parts = fields.get(field).split(separator, -1);
        if (parts.length != 2) {
            throw new IllegalArgumentException("'" + field + "' is invalid");
        }
        return parts;
    }

    void appendTo(StringBuilder text) {
        if (deaths > 0) {
            text.append(" deaths=").append(deaths).append(BELOW).append(suspectsEnd);
        }
        tried.ifPresent(
                request -> text.append(" trying=").append(request).append(TIMES).append(tries));
    }
}
