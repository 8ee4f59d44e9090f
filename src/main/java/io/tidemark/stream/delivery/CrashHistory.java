package io.tidemark.stream.delivery;

import java.util.BitSet;
import java.util.Map;
import java.util.OptionalLong;

/**
 * The deaths of the owners of a partition, kept in {@link CommitMetadata}. It finds a crashing request, which
 * ends every worker that runs it:
 *
 * <ol>
 *   <li>The requests that may have been running at a death are its suspects: the oldest ones without a result, as many
 *       as a worker runs. A crashing request is a suspect of each of its deaths. So deaths are counted while they have
 *       suspects in common.
 *   <li>After {@value #MAX_DEATHS} of them, the common suspects run one at a time. Each is named in {@code tried} by a
 *       commit before it starts.
 *   <li>A request that was named at {@value #MAX_DEATHS} deaths is not run again; its result is the error
 *       {@code worker_crashed}.
 *   <li>When all suspects have run alone, the deaths are forgotten.
 * </ol>
 *
 * @param deaths   deaths with common suspects
 * @param suspects offset behind the last common suspect; the first one is the oldest request without a result
 * @param tried    offset of the request that runs alone
 * @param tries    deaths while {@code tried} was running
 */
record CrashHistory(int deaths, long suspects, OptionalLong tried, int tries) {

    static final int MAX_DEATHS = 2;

    static final CrashHistory NONE = new CrashHistory(0, 0, OptionalLong.empty(), 0);

    private static final char BELOW = '<';

    /**
     * After the death of an owner.
     *
     * @param committed the committed offset
     * @param running   offset behind the last request that the owner may have been running, above {@code committed}
     */
    CrashHistory afterDeath(long committed, long running) {
        if (tried.isPresent()) {
            return new CrashHistory(deaths, suspects, tried, tries + 1);
        }
        return deaths > 0 && committed < suspects
                ? new CrashHistory(deaths + 1, Math.min(suspects, running), tried, tries)
                : new CrashHistory(1, running, tried, tries);
    }

    /**
     * The offset behind the last request that an owner may have been running, if it runs the oldest ones that have no
     * result.
     *
     * @param committed  the committed offset
     * @param end        of the log
     * @param finished   bit {@code i} is set if the request at {@code committed + i} has a result
     * @param maxRunning requests that an owner runs
     * @return {@code committed} if no request was open
     */
    static long endOfRunning(long committed, long end, BitSet finished, int maxRunning) {
        long offset = committed;
        long behind = committed;
        for (int open = 0; open < maxRunning && offset < end; offset++) {
            if (!finished.get(Math.toIntExact(offset - committed))) {
                open++;
                behind = offset + 1;
            }
        }
        return behind;
    }

    /** Whether there are suspects that run one at a time. */
    boolean isIsolating() {
        return deaths >= MAX_DEATHS;
    }

    /** Whether this request has to run alone. */
    boolean isSuspect(long request) {
        return isIsolating() && request < suspects;
    }

    boolean isTrying(long request) {
        return tried.isPresent() && tried.getAsLong() == request;
    }

    /** Names the request that runs next. */
    CrashHistory trying(long request) {
        return new CrashHistory(deaths, suspects, OptionalLong.of(request), 0);
    }

    /** Whether the named request has ended workers and must not run again. */
    boolean isCrashing(long request) {
        return isTrying(request) && tries >= MAX_DEATHS;
    }

    /** After the named request has a result. */
    CrashHistory finished(long request) {
        return isTrying(request) ? new CrashHistory(deaths, suspects, OptionalLong.empty(), 0) : this;
    }

    /** After all requests below an offset have a result. */
    CrashHistory committed(long offset) {
        return offset < suspects ? this : NONE;
    }

    static CrashHistory parse(Map<String, String> fields) {
        String text = fields.get("deaths");
        if (text == null) {
            return NONE;
        }
        String[] deaths = text.split(String.valueOf(BELOW));
        String[] tried = fields.getOrDefault("trying", "").split("x");
        if (deaths.length != 2 || tried.length > 2) {
            throw new IllegalArgumentException("'deaths' or 'trying' is invalid");
        }
        return new CrashHistory(
                Integer.parseInt(deaths[0]),
                Long.parseLong(deaths[1]),
                tried.length == 2 ? OptionalLong.of(Long.parseLong(tried[0])) : OptionalLong.empty(),
                tried.length == 2 ? Integer.parseInt(tried[1]) : 0);
    }

    void appendTo(StringBuilder text) {
        if (deaths > 0) {
            text.append(" deaths=").append(deaths).append(BELOW).append(suspects);
        }
        tried.ifPresent(
                request -> text.append(" trying=").append(request).append('x').append(tries));
    }
}
