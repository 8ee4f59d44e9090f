package io.tidemark.stream.calibrator;

import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;

/**
 * The assignor of calibrators whose rule has epochs. It assigns as its superclass does. Kafka admits no member to a
 * group whose members have no assignor in common. A calibrator of an earlier release, which has the assignor of the
 * superclass, therefore can't be in the group at the same time: it would publish boundaries without a guarantee, and
 * would not add its examples to the epoch.
 */
public final class EpochAssignor extends CooperativeStickyAssignor {

    @Override
    public String name() {
        return "tidemark-epochs-1";
    }
}
