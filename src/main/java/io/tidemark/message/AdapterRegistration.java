package io.tidemark.message;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.time.Instant;
import java.util.Optional;

/**
 * One value of the compacted topic {@code adapters}: where an adapter's folder is. A tombstone takes it back. Read it
 * with {@link RegistrationParser}.
 *
 * @param adapter       the adapter's id, equal to the record's key
 * @param path          the PEFT folder, as workers and calibrators see it
 * @param adapterDigest the version that is meant; a folder with another one is refused
 * @param baseModel     the base model's name
 * @param registeredAt  when it was written
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record AdapterRegistration(
        String adapter,
        String path,
        Optional<String> adapterDigest,
        Optional<String> baseModel,
        Optional<Instant> registeredAt) {}
