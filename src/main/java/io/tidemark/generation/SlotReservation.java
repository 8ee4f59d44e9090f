package io.tidemark.generation;

import io.tidemark.model.DecoderFailed;
import io.tidemark.model.KvPool;
import io.tidemark.model.KvSlot;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Memory for a whole request: a slot for each choice, or none at all. */
final class SlotReservation {

    private SlotReservation() {
    }

    /** @throws DecoderFailed when the device has no memory although the budget allows it; nothing is held then */
    static Optional<List<KvSlot>> of(GenerationRequest request, KvPool pool) {
        List<KvSlot> slots = new ArrayList<>();
        try {
            while (slots.size() < request.choices()) {
                Optional<KvSlot> slot = pool.reserve(request.prompt().size() + request.maxTokens());
                if (slot.isEmpty()) {
                    slots.forEach(pool::release);
                    return Optional.empty();
                }
                slots.add(slot.get());
            }
            return Optional.of(slots);
        } catch (DecoderFailed e) {
            slots.forEach(pool::release);
            throw e;
        }
    }
}
