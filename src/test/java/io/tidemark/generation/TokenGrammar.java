package io.tidemark.generation;

import io.tidemark.grammar.CompiledGrammar;
import io.tidemark.grammar.GrammarState;
import io.tidemark.grammar.RowStatus;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

/**
 * A grammar in Java, as a rule for the next token. Counts its states, and notes each call that the contract of
 * {@link GrammarState#advance} does not allow.
 */
final class TokenGrammar implements CompiledGrammar {

    private final Rule rule;
    private final AtomicInteger started = new AtomicInteger();
    private final AtomicInteger closed = new AtomicInteger();
    private final Queue<String> mistakes = new ConcurrentLinkedQueue<>();

    /** What may follow a sequence of tokens. */
    @FunctionalInterface
    interface Rule {

        /** @param allowed the tokens that may follow; the rule sets them */
        RowStatus next(List<Integer> tokens, BitSet allowed);
    }

    TokenGrammar(Rule rule) {
        this.rule = rule;
    }

    /** One of several sequences of tokens, none of which begins with another one. */
    static TokenGrammar choice(List<List<Integer>> sequences) {
        return new TokenGrammar((tokens, allowed) -> {
            if (sequences.contains(tokens)) {
                return RowStatus.ENDED;
            }
            sequences.stream()
                    .filter(sequence -> sequence.size() > tokens.size()
                            && sequence.subList(0, tokens.size()).equals(tokens))
                    .forEach(sequence -> allowed.set(sequence.get(tokens.size())));
            return RowStatus.OK;
        });
    }

    /**
     * After each sequence of tokens other tokens at random may follow, and after some also the end.
     *
     * @param end    the end-of-sequence token
     * @param first  tokens from this one on may follow
     * @param most   between one and this number of tokens may follow
     * @param length after this number of tokens, only the end may follow
     */
    static TokenGrammar random(long seed, int end, int first, int vocabulary, int most, int length) {
        return new TokenGrammar((tokens, allowed) -> {
            if (tokens.size() >= length) {
                return RowStatus.ENDED;
            }
            Random random = new Random(seed * 31 + tokens.hashCode());
            int count = 1 + random.nextInt(most);
            IntStream.range(0, count).forEach(i -> allowed.set(first + random.nextInt(vocabulary - first)));
            allowed.set(end, tokens.size() > 2 && random.nextInt(4) == 0);
            return RowStatus.OK;
        });
    }

    /** The tokens that may follow, for a reference in Java; the status must be OK. */
    BitSet allowed(List<Integer> tokens) {
        BitSet allowed = new BitSet();
        rule.next(tokens, allowed);
        return allowed;
    }

    RowStatus status(List<Integer> tokens) {
        return rule.next(tokens, new BitSet());
    }

    /** The rule, and a failure after a number of tokens. */
    TokenGrammar failingAfter(int tokens) {
        return new TokenGrammar((seen, allowed) ->
                seen.size() >= tokens ? new RowStatus.Failed("for this test") : rule.next(seen, allowed));
    }

    /** What its rule says of a sequence of tokens. */
    RowStatus next(List<Integer> tokens, BitSet allowed) {
        return rule.next(tokens, allowed);
    }

    @Override
    public GrammarState start() {
        started.incrementAndGet();
        return new State();
    }

    @Override
    public long bytes() {
        return 0;
    }

    @Override
    public void close() {}

    int started() {
        return started.get();
    }

    /** States that are not closed. */
    int open() {
        return started.get() - closed.get();
    }

    List<String> mistakes() {
        return List.copyOf(mistakes);
    }

    private final class State implements GrammarState {

        private final List<Integer> tokens = new ArrayList<>();
        private BitSet allowed = new BitSet();
        private boolean advanced;
        private boolean ended;
        private boolean freed;

        @Override
        public RowStatus advance(int last, IntBuffer mask) {
            if (!mask.isDirect() || mask.order() != ByteOrder.nativeOrder()) {
                mistakes.add("the buffer is not direct or not in native order");
            }
            if (ended || freed) {
                mistakes.add("advanced after its end");
            }
            if (advanced != (last >= 0)) {
                mistakes.add("token " + last + " after " + tokens);
            }
            if (last >= 0) {
                if (!allowed.get(last)) {
                    mistakes.add("token " + last + " after " + tokens + " is not allowed");
                }
                tokens.add(last);
            }
            advanced = true;
            allowed = new BitSet();
            RowStatus status = rule.next(List.copyOf(tokens), allowed);
            ended = !(status instanceof RowStatus.Ok);
            for (int word = 0; word < mask.limit(); word++) {
                mask.put(word, 0);
            }
            // what an ended or failed row has written has no meaning
            if (ended) {
                mask.put(0, -1);
            }
            allowed.stream()
                    .forEach(token ->
                            mask.put(token / Integer.SIZE, mask.get(token / Integer.SIZE) | 1 << token % Integer.SIZE));
            return status;
        }

        @Override
        public void close() {
            if (!freed) {
                freed = true;
                closed.incrementAndGet();
            }
        }
    }
}
