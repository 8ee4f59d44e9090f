"""Held-out figures for the model card: the boundary curve over the test split, and sample texts at full LoRA."""
from dataclasses import dataclass
from pathlib import Path

import boundary as bounds
from adapters import encode
from data import Example
from reference import load, score_by_boundary

BATCH, TEXT_TOKENS = 16, 96


@dataclass(frozen=True)
class Evaluation:
    adapter: str
    examples: int
    curve: list[float]
    best: int
    one_standard_error: int
    no_worse_than_full: int
    sample_prompt: str
    sample_text: str


def evaluate(base: Path, adapter: Path, test: list[Example], sample: Example) -> Evaluation:
    model, tokenizer = load(base, adapter)
    encoded = [encode(example, tokenizer) for example in test]
    scores = bounds.per_token(score_by_boundary(model, encoded, BATCH), encoded)
    text = bounds.greedy(model, tokenizer(sample.prompt).input_ids, TEXT_TOKENS)
    return Evaluation(adapter.name, len(test), bounds.curve(scores), bounds.best(scores),
                      bounds.within_one_standard_error(scores), bounds.no_worse_than_full(scores),
                      sample.prompt, tokenizer.decode(text, skip_special_tokens=True))
