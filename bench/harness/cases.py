"""Measured cases: rows, adapters, boundary, and lengths of prompts and answers."""
import random
import re
from dataclasses import dataclass

DEFAULT = "1x0 1x1 8x0 8x4 32x0 32x4 1x0@1000 8x0@1000"
QUICK = "1x0 8x1 8x4 1x1@256"


@dataclass(frozen=True)
class Case:
    rows: int
    adapters: int          # assigned to the rows in turn; 0 is the base model
    prompt_tokens: int     # per row
    layers: int | None     # the boundary (Tidemark only); None is all layers
    new_tokens: int        # per row

    @staticmethod
    def parse(text, new_tokens):
        """A case such as 8x4, 8x4@1000 or 8x4/10: rows, adapters, then prompt tokens if not 64, then layers if not all.

        Raises ValueError for anything else.
        """
        found = re.fullmatch(r"([1-9][0-9]*)x([0-9]+)(?:@([1-9][0-9]*))?(?:/([0-9]+))?", text)
        if not found:
            raise ValueError(f"'{text}' must be ROWSxADAPTERS, and may end with @PROMPT_TOKENS and /LAYERS, such as 8x4@1000/10")
        rows, adapters, prompt_tokens, layers = found.groups()
        return Case(int(rows), int(adapters), int(prompt_tokens or 64), layers and int(layers), new_tokens)

    def question(self, vocabulary, seed):
        """The question of this case. Prompts are random tokens, so that no prefix is in a system's cache."""
        drawn = random.Random(f"{seed} {self}")
        return {"do": "measure", "new_tokens": self.new_tokens, "layers": self.layers,
                "prompts": [[drawn.randrange(16, vocabulary) for _ in range(self.prompt_tokens)] for _ in range(self.rows)],
                "adapters": [row % self.adapters if self.adapters else None for row in range(self.rows)]}


def rates(case, answer):
    """Tokens per second. Decode: the sum of the rows' own rates after their first token. Prefill: all prompt tokens over
    the time until the last row has its first token."""
    rows = answer["rows"]
    found = {"prefill": case.rows * case.prompt_tokens / max(row["first"] for row in rows)}
    if case.new_tokens > 1:
        found["decode"] = sum((row["tokens"] - 1) / (row["last"] - row["first"]) for row in rows)
    return found
