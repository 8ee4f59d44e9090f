package io.tidemark.stream.tables;

import io.tidemark.catalog.AdapterCatalog;
import io.tidemark.message.AdapterRecord;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jboss.logging.Logger;

/** Passes the records of the topic {@code adapters} to the catalog. Called by one thread at a time. */
public final class AdapterTable {

    private static final Logger LOG = Logger.getLogger(AdapterTable.class);

    private final AdapterCatalog catalog;
    private volatile long position;

    public AdapterTable(AdapterCatalog catalog) {
        this.catalog = catalog;
    }

    /** The offset behind the last record that was applied. */
    public long position() {
        return position;
    }

    /** Applies one record of the topic. */
    public void apply(ConsumerRecord<byte[], byte[]> adapter) {
        if (adapter.key() == null) {
            LOG.warnf("the record at %s-%d@%d has no key", adapter.topic(), adapter.partition(), adapter.offset());
        } else {
            apply(adapter, new String(adapter.key(), StandardCharsets.UTF_8));
        }
        position = adapter.offset() + 1;
    }

    private void apply(ConsumerRecord<byte[], byte[]> adapter, String name) {
        if (name.length() > AdapterRecord.MAX_NAME_LENGTH) {
            LOG.warnf(
                    "the key of the record at %s-%d@%d is no name of an adapter: it has more than %d characters",
                    adapter.topic(), adapter.partition(), adapter.offset(), AdapterRecord.MAX_NAME_LENGTH);
        } else if (adapter.value() == null) {
            catalog.remove(name);
        } else {
            catalog.put(
                    name,
                    AdapterRecord.parse(adapter.value()),
                    adapter.offset(),
                    Instant.ofEpochMilli(adapter.timestamp()));
        }
    }
}
