package io.tidemark.stream.serving;

import io.smallrye.mutiny.Multi;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import org.eclipse.microprofile.reactive.messaging.Channel;
import org.eclipse.microprofile.reactive.messaging.Message;

/** The channel of requests, looked up only in a process that generates: elsewhere it is switched off. */
@ApplicationScoped
class RequestChannel {

    private final Multi<Message<byte[]>> requests;

    @Inject
    RequestChannel(@Channel("generation-requests") Multi<Message<byte[]>> requests) {
        this.requests = requests;
    }

    Multi<Message<byte[]>> requests() {
        return requests;
    }
}
