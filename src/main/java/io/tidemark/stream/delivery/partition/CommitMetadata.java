package io.tidemark.stream.delivery.partition;

import io.tidemark.stream.topics.TransactionalId;
import io.tidemark.text.LogText;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.jboss.logging.Logger;

/**
 * The metadata of a committed offset of a request partition: who owns the partition, how often its owners have died,
 * and which requests above the offset have a result. It is text of the form
 * {@code tidemark/1 owner=ID topic=ID epoch=3 deaths=2<1400 done=BASE64}. Unknown fields are ignored.
 *
 * @param owner    transactional id of the worker that owns the partition; empty after an orderly release
 * @param idle     whether the owner runs no request of the partition, so that none of them can cause its death
 * @param crashes  the deaths of owners
 * @param finished bit {@code i} is set if the request at the committed offset + {@code i} has a result
 * @param log      the log that the offsets belong to
 */
public record CommitMetadata(
        Optional<String> owner, boolean idle, CrashHistory crashes, BitSet finished, LogIdentity log) {

    /** The largest distance of a finished request from the committed offset: 2,732 characters of base64. */
    public static final int MAX_FINISHED = 16_384;

    /** The metadata of a partition that no worker has owned. */
    public static final CommitMetadata NONE =
            new CommitMetadata(Optional.empty(), false, CrashHistory.NONE, new BitSet(), LogIdentity.NONE);

    private static final Logger LOG = Logger.getLogger(CommitMetadata.class);
    private static final String VERSION = "tidemark/1";

    public CommitMetadata {
        if (finished.length() > MAX_FINISHED) {
            throw new IllegalArgumentException("bit " + (finished.length() - 1) + " is above " + MAX_FINISHED);
        }
    }

    /** Returns a copy with another log. */
    public CommitMetadata in(LogIdentity other) {
        return new CommitMetadata(owner, idle, crashes, finished, other);
    }

    /** Returns a copy with other finished requests. */
    CommitMetadata finished(BitSet other) {
        return new CommitMetadata(owner, idle, crashes, other, log);
    }

    /** Returns a copy without an owner. */
    CommitMetadata withoutOwner() {
        return new CommitMetadata(Optional.empty(), idle, crashes, finished, log);
    }

    /**
     * Whether another process owns the partition, or has died as its owner.
     *
     * @param own the id of this process; the owner may be a further id of it
     */
    public boolean hasOtherOwner(TransactionalId own) {
        return owner.filter(id -> !own.isOwn(id)).isPresent();
    }

    /**
     * Parses the metadata of a committed offset. Text that can't be parsed is logged and has the effect of
     * {@link #NONE}: requests that are finished above the offset are then answered again.
     *
     * @param committed null if the group has committed no offset, as Kafka's client returns it
     */
    public static CommitMetadata of(String partition, OffsetAndMetadata committed) {
        if (committed == null || committed.metadata().isEmpty()) {
            return NONE;
        }
        try {
            return parse(committed.metadata());
        } catch (IllegalArgumentException e) {
            LOG.warnf(
                    "the metadata of the committed offset %d of %s is invalid and is ignored; results above the offset"
                            + " may be repeated: %s",
                    committed.offset(), partition, LogText.of(e.getMessage()));
            return NONE;
        }
    }

    private static CommitMetadata parse(String text) {
        String[] words = text.split(" ", -1);
        if (!words[0].equals(VERSION)) {
            throw new IllegalArgumentException("it does not start with '" + VERSION + "'");
        }
        Map<String, String> fields = new HashMap<>();
        for (int i = 1; i < words.length; i++) {
            int equals = words[i].indexOf('=');
            if (equals < 1) {
                throw new IllegalArgumentException("a field has no '='");
            }
            fields.put(words[i].substring(0, equals), words[i].substring(equals + 1));
        }
        return new CommitMetadata(
                Optional.ofNullable(fields.get("owner")).map(owner -> URLDecoder.decode(owner, StandardCharsets.UTF_8)),
                fields.containsKey("idle"),
                CrashHistory.parse(fields),
                Optional.ofNullable(fields.get("done"))
                        .map(done -> BitSet.valueOf(Base64.getDecoder().decode(done)))
                        .orElseGet(BitSet::new),
                LogIdentity.parse(fields));
    }

    /** The text, at most 3 KiB for an owner of up to 240 characters; the broker's default limit is 4,096 bytes. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder(VERSION);
        owner.ifPresent(id -> text.append(" owner=").append(URLEncoder.encode(id, StandardCharsets.UTF_8)));
        if (idle) {
            text.append(" idle=1");
        }
        log.appendTo(text);
        crashes.appendTo(text);
        if (!finished.isEmpty()) {
            text.append(" done=").append(Base64.getEncoder().encodeToString(finished.toByteArray()));
        }
        return text.toString();
    }
}
