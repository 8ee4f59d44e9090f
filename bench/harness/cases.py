"""Measured cases: rows, adapters, boundary, and lengths of prompts and answers."""
import random
from dataclasses import dataclass

PREFILL_TOKENS = 256


@dataclass(frozen=True)
class Case:
    rows: int
    adapters: int          # assigned to the rows in turn; 0 is the base model
    prompt_tokens: int     # per row
    new_tokens: int        # per row; 1 measures the prefill alone
    layers: int | None = None  # the boundary (Tidemark only); None is all layers

    def question(self, vocabulary, seed):
        """The question of this case. Prompts are random tokens, so that no prefix is in a system's cache."""
        drawn = random.Random(f"{seed} {self}")
        return {"do": "measure", "new_tokens": self.new_tokens, "layers": self.layers,
                "prompts": [[drawn.randrange(16, vocabulary) for _ in range(self.prompt_tokens)] for _ in range(self.rows)],
                "adapters": [row % self.adapters if self.adapters else None for row in range(self.rows)]}


def cases(layers, new_tokens, quick=False, shapes=()):
    """Decode: 64-token prompts. Prefill: 256-token prompts, 1 new token. Boundaries are measured for the most mixed adapters.

    If shapes (pairs of rows and adapters) are given: only their decode cases, in all layers."""
    if shapes:
        return [Case(rows, adapters, 64, new_tokens) for rows, adapters in shapes]
    decode = [(1, 0), (1, 1), (8, 0), (8, 1), (8, 4), (32, 0), (32, 1), (32, 4), (32, 32)]
    prefill = [(1, 0), (1, 1), (8, 0), (8, 1), (8, 4)]
    most_mixed = [(1, 1), (8, 4), (32, 32)]
    if quick:
        decode, prefill = [(1, 0), (8, 1), (8, 4)], [(1, 1)]
    boundaries = [None, round(layers * 2 / 3), round(layers / 3)]
    return [Case(rows, adapters, *lengths, boundary)
            for lengths, shapes in (((64, new_tokens), decode), ((PREFILL_TOKENS, 1), prefill))
            for rows, adapters in shapes
            for boundary in (boundaries if (rows, adapters) in most_mixed else [None])]


def rates(case, answer):
    """Tokens per second. Decode: the sum of the rows' own rates after their first token. Prefill: all prompt tokens over
    the time until the last row has its first token."""
    rows = answer["rows"]
    found = {"prefill": case.rows * case.prompt_tokens / max(row["first"] for row in rows)}
    if case.new_tokens > 1:
        found["decode"] = sum((row["tokens"] - 1) / (row["last"] - row["first"]) for row in rows)
    return found
