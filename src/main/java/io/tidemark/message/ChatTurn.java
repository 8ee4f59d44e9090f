package io.tidemark.message;

/**
 * One turn of a conversation.
 *
 * @param role    {@code system}, {@code user}, {@code assistant} or {@code tool}
 * @param content the turn's text, perhaps empty
 */
public record ChatTurn(String role, String content) {
}
