package io.tidemark.model;

/**
 * One turn of a conversation.
 *
 * @param role who speaks: {@code system}, {@code user} or {@code assistant}
 */
public record ChatMessage(String role, String content) {
}
