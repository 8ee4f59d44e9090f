package io.tidemark.cli;

import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** A thread with a consumer group that answers each record and commits past it. */
abstract class ScriptedService implements AutoCloseable {

    private final KafkaConsumer<String, byte[]> consumer;
    private final KafkaProducer<String, byte[]> producer;
    private final CountDownLatch ended = new CountDownLatch(1);

    ScriptedService(String broker, String group) {
        Properties common = new Properties();
        common.put("bootstrap.servers", broker);
        common.put("group.id", group);
        common.put("enable.auto.commit", "false");
        common.put("auto.offset.reset", "earliest");
        consumer = new KafkaConsumer<>(common, new StringDeserializer(), new ByteArrayDeserializer());
        Properties producing = new Properties();
        producing.put("bootstrap.servers", broker);
        producer = new KafkaProducer<>(producing, new StringSerializer(), new ByteArraySerializer());
    }

    final void begin(String topic) {
        consumer.subscribe(List.of(topic));
        new Thread(this::loop, "scripted-" + topic).start();
    }

    private void loop() {
        try (consumer;
                producer) {
            while (true) {
                for (ConsumerRecord<String, byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    answer(record);
                }
                producer.flush();
                consumer.commitSync();
            }
        } catch (WakeupException e) {
            ended.countDown();
        }
    }

    abstract void answer(ConsumerRecord<String, byte[]> record);

    final void produce(ProducerRecord<String, byte[]> record) {
        producer.send(record);
    }

    @Override
    public void close() {
        consumer.wakeup();
        try {
            ended.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
