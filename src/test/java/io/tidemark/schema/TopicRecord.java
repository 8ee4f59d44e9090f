package io.tidemark.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/**
 * A record as it is on a topic. Tests must not change its arrays.
 *
 * @param topic the address of a channel
 * @param key   null for none
 * @param value null for a tombstone
 */
public record TopicRecord(String topic, byte[] key, byte[] value, List<Header> headers) {

    private static final ObjectMapper JSON = new ObjectMapper();

    public TopicRecord {
        headers = List.copyOf(headers);
    }

    /** @param topic the address of the channel; that of results for a record of a reply topic */
    public static TopicRecord of(String topic, ConsumerRecord<byte[], byte[]> record) {
        return new TopicRecord(
                topic, record.key(), record.value(), List.of(record.headers().toArray()));
    }

    TopicRecord withKey(String key) {
        return new TopicRecord(topic, key == null ? null : bytes(key), value, headers);
    }

    TopicRecord withKey(byte[] key) {
        return new TopicRecord(topic, key, value, headers);
    }

    public TopicRecord withValue(byte[] value) {
        return new TopicRecord(topic, key, value, headers);
    }

    /** This record with one more header. */
    TopicRecord withHeader(String name, byte[] value) {
        List<Header> all = new ArrayList<>(headers);
        all.add(new RecordHeader(name, value));
        return new TopicRecord(topic, key, this.value, all);
    }

    TopicRecord withoutHeader(String name) {
        return new TopicRecord(
                topic,
                key,
                value,
                headers.stream().filter(header -> !header.key().equals(name)).toList());
    }

    /** This record with a change in its value, which must be a JSON object. */
    TopicRecord with(Consumer<ObjectNode> change) {
        ObjectNode json = (ObjectNode) json();
        change.accept(json);
        return withValue(bytes(json.toString()));
    }

    JsonNode json() {
        try {
            return JSON.readTree(value);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    String keyText() {
        return new String(key, StandardCharsets.UTF_8);
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public String toString() {
        return "record of " + topic + " with key " + (key == null ? "null" : keyText()) + ", headers " + headers
                + " and value " + (value == null ? "null" : new String(value, StandardCharsets.UTF_8));
    }
}
