package io.tidemark.stream.delivery;

import java.util.Map;
import java.util.OptionalLong;

/**
 * The deaths of the owners of a partition, kept in {@link CommitMetadata}. It finds a crashing request, which
 * ends every worker that runs it:
 *
 * <ol>
 *   <li>Each death without progress is counted: one after which the committed offset is the same as at the death
 *       before.
 *   <li>After {@value #MAX_DEATHS} of them, the requests that may have been running, {@code alone} in number, run one
 *       at a time. Each is named in {@code tried} by a commit before it starts.
 *   <li>A request that was named at {@value #MAX_DEATHS} deaths is not run again; its result is the error
 *       {@code worker_crashed}.
 * </ol>
 *
 * @param deaths   deaths without progress
 * @param offset   the committed offset at the last death
 * @param alone    number of requests that still have to run alone; 0 while requests run in parallel
 * @param tried    offset of the request that runs alone
 * @param tries    deaths while {@code tried} was running
 */
record CrashHistory(int deaths, long offset, int alone, OptionalLong tried, int tries) {

    static final int MAX_DEATHS = 2;

    static final CrashHistory NONE = new CrashHistory(0, 0, 0, OptionalLong.empty(), 0);

    /**
     * After the death of an owner.
     *
     * @param committed the committed offset
     * @param window    requests that the owner may have been running
     */
    CrashHistory afterDeath(long committed, int window) {
        if (tried.isPresent()) {
            return new CrashHistory(deaths, committed, alone, tried, tries + 1);
        }
        int count = deaths > 0 && offset == committed ? deaths + 1 : 1;
        return new CrashHistory(count, committed, count >= MAX_DEATHS ? window : alone, tried, tries);
    }

    /** Whether requests run one at a time. */
    boolean isIsolating() {
        return alone > 0;
    }

    boolean isTrying(long request) {
        return tried.isPresent() && tried.getAsLong() == request;
    }

    /** Names the request that runs next. */
    CrashHistory trying(long request) {
        return new CrashHistory(deaths, offset, alone, OptionalLong.of(request), 0);
    }

    /** Whether the named request has ended workers and must not run again. */
    boolean isCrashing(long request) {
        return isTrying(request) && tries >= MAX_DEATHS;
    }

    /** After the named request has a result. */
    CrashHistory finished(long request) {
        if (!isTrying(request)) {
            return this;
        }
        return alone <= 1 ? NONE : new CrashHistory(deaths, offset, alone - 1, OptionalLong.empty(), 0);
    }

    static CrashHistory parse(Map<String, String> fields) {
        String[] crashes = fields.getOrDefault("crashes", "0@0").split("@");
        String[] tried = fields.getOrDefault("trying", "").split("x");
        if (crashes.length != 2 || tried.length > 2) {
            throw new IllegalArgumentException("'crashes' or 'trying' is invalid");
        }
        return new CrashHistory(
                Integer.parseInt(crashes[0]),
                Long.parseLong(crashes[1]),
                Integer.parseInt(fields.getOrDefault("alone", "0")),
                tried.length == 2 ? OptionalLong.of(Long.parseLong(tried[0])) : OptionalLong.empty(),
                tried.length == 2 ? Integer.parseInt(tried[1]) : 0);
    }

    void appendTo(StringBuilder text) {
        if (deaths > 0) {
            text.append(" crashes=").append(deaths).append('@').append(offset);
        }
        if (alone > 0) {
            text.append(" alone=").append(alone);
        }
        tried.ifPresent(
                request -> text.append(" trying=").append(request).append('x').append(tries));
    }
}
