package io.tidemark.calibration.sweep;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;

/**
 * A validation example as token ids.
 *
 * @param prompt     the tokens of the prompt, at least one
 * @param completion the gold tokens, at least one, the end-of-sequence token included
 */
public record TokenizedExample(List<Integer> prompt, List<Integer> completion) {

    private static final int DIGEST_BYTES = 6;

    public TokenizedExample {
        prompt = List.copyOf(prompt);
        completion = List.copyOf(completion);
        if (prompt.isEmpty() || completion.isEmpty()) {
            throw new IllegalArgumentException("an example needs at least one prompt token and one completion token");
        }
    }

    /**
     * A digest of the token ids of examples, 8 characters of base64url. It tells batches apart that have the same id.
     */
    public static String digest(List<TokenizedExample> examples) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            for (TokenizedExample example : examples) {
                update(digest, example.prompt);
                update(digest, example.completion);
            }
            return Base64.getUrlEncoder().encodeToString(Arrays.copyOf(digest.digest(), DIGEST_BYTES));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("SHA-256 is part of every JDK", e);
        }
    }

    private static void update(MessageDigest digest, List<Integer> tokens) {
        ByteBuffer bytes = ByteBuffer.allocate((tokens.size() + 1) * Integer.BYTES);
        bytes.putInt(tokens.size());
        tokens.forEach(bytes::putInt);
        digest.update(bytes.flip());
    }

    /** The number of tokens of prompt and completion. */
    public int tokens() {
        return prompt.size() + completion.size();
    }
}
