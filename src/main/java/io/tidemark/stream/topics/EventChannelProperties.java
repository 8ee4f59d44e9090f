package io.tidemark.stream.topics;

import io.smallrye.reactive.messaging.ClientCustomizer;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.HashMap;
import java.util.Map;
import org.eclipse.microprofile.config.Config;

/**
 * Removes from the producer of SmallRye's channel {@code generation-events} what {@link KafkaConnection} removes from
 * the other clients, such as a {@code transactional.id} that is given for all clients.
 */
@ApplicationScoped
class EventChannelProperties implements ClientCustomizer<Map<String, Object>> {

    @Override
    public Map<String, Object> customize(String channel, Config channelConfig, Map<String, Object> properties) {
        Map<String, Object> kept = new HashMap<>(properties);
        kept.remove("transactional.id");
        kept.remove("interceptor.classes");
        kept.put("enable.idempotence", "true");
        kept.put("acks", "all");
        return kept;
    }
}
