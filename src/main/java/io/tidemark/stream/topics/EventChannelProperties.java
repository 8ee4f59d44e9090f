package io.tidemark.stream.topics;

import io.smallrye.reactive.messaging.ClientCustomizer;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.Map;
import org.eclipse.microprofile.config.Config;

/**
 * Removes from the producer of SmallRye's channel {@code generation-events} the properties that {@link KafkaConnection}
 * removes from the other clients, such as a {@code transactional.id} that is given for all clients.
 */
@ApplicationScoped
class EventChannelProperties implements ClientCustomizer<Map<String, Object>> {

    private static final String CHANNEL = "generation-events";

    /** What {@code application.properties} sets for the channel, in place of the properties of all clients. */
    private static final List<String> OF_CHANNEL = List.of("client.id", "key.serializer", "value.serializer");

    @Override
    public Map<String, Object> customize(String channel, Config channelConfig, Map<String, Object> properties) {
        if (!channel.equals(CHANNEL)) {
            return properties;
        }
        Map<String, Object> kept = new KafkaConnection(properties).producerProperties();
        OF_CHANNEL.forEach(name -> kept.put(name, properties.get(name)));
        return kept;
    }
}
