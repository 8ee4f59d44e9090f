package io.tidemark.message;

import java.util.Optional;

/**
 * One value of the topic {@code generation-cancellations}. Read it with {@link CancellationParser}.
 *
 * @param id     the request to end
 * @param reason why, a sentence for people
 */
public record CancellationMessage(String id, Optional<String> reason) {}
