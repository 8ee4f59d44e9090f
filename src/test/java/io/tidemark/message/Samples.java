package io.tidemark.message;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** Records of requests and results. */
final class Samples {

    private Samples() {}

    /** A greedy request, streamed, with the default of all other optional fields. */
    static RequestMessage request(Input input, OptionalInt boundary) {
        return new RequestMessage(
                new RequestHead(Optional.of("r"), 0, Optional.empty(), OptionalLong.empty()),
                "m",
                input,
                new SamplingFields(0, 1, 0, 0, 1, 0, 0, Map.of(), OptionalLong.empty()),
                new EndingFields(9, 0, List.of(), List.of(), false),
                FormatFields.FREE_TEXT,
                1,
                OptionalInt.empty(),
                Optional.empty(),
                true,
                boundary,
                List.of());
    }

    static Input.Messages chat(ChatTurn... messages) {
        return new Input.Messages(List.of(messages), List.of());
    }

    static CompletionResult completion() {
        return answering(new Input.Prompt("p"));
    }

    static CompletionResult chatCompletion() {
        return answering(chat(new ChatTurn("user", "hi")));
    }

    private static CompletionResult answering(Input input) {
        CompletionResult.Logprobs logprobs = new CompletionResult.Logprobs(List.of(new CompletionResult.TokenLogprob(
                "A", 3, -0.25, List.of(new CompletionResult.Alternative("A", 3, -0.25)))));
        return new CompletionResult(
                "r",
                CompletionResult.objectFor(input),
                1_700_000_000,
                "restaurants",
                List.of(CompletionResult.Choice.answering(input, 0, "A", "stop", Optional.of(logprobs))),
                CompletionResult.Usage.of(5, 1, 3),
                new Provenance(
                        new Provenance.Source("generation-requests", 3, 17),
                        "smollm2",
                        Optional.of("restaurants"),
                        Optional.empty(),
                        Optional.of("3fa2"),
                        OptionalLong.empty(),
                        OptionalLong.empty(),
                        OptionalInt.of(14),
                        OptionalInt.of(30),
                        OptionalLong.of(41),
                        OptionalLong.of(7),
                        "worker-1",
                        4,
                        OptionalDouble.of(2.5),
                        OptionalDouble.of(1.5),
                        OptionalDouble.of(12.5),
                        OptionalDouble.of(20)));
    }

    static ErrorResult error() {
        return ErrorResult.of(
                "r",
                1_700_000_000,
                Optional.of("m"),
                ErrorBody.invalidRequest("unknown_adapter", "model", "no adapter"),
                Provenance.rejected(new Provenance.Source("generation-requests", 0, 5), "smollm2", "w", 4));
    }
}
