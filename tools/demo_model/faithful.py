"""Faithfulness of the sentences of `describe`: which facts of the prompt they contain word for word."""
from collections import Counter
from dataclasses import dataclass

import boundary as bounds
from data import PLACE_KEYS, Restaurant, describe

TEXT_TOKENS = 96
KEYS = ("name", "near", "eatType", "food", "area", "priceRange")


@dataclass(frozen=True)
class Held:
    """Number of prompts with this fact, and of those whose text contains it."""
    key: str
    prompts: int
    held: int


def faithful(model, tokenizer, restaurants: list[Restaurant]) -> list[Held]:
    texts = [tokenizer.decode(bounds.greedy(model, tokenizer(describe(r).prompt).input_ids, TEXT_TOKENS),
                              skip_special_tokens=True) for r in restaurants]
    return held(restaurants, texts)


def held(restaurants: list[Restaurant], texts: list[str]) -> list[Held]:
    """Names of places must match exactly; other facts are compared without case."""
    prompts, found = Counter(), Counter()
    for restaurant, text in zip(restaurants, texts):
        for key, value in restaurant.facts:
            prompts[key] += 1
            found[key] += value in text if key in PLACE_KEYS else value.lower() in text.lower()
    return [Held(key, prompts[key], found[key]) for key in KEYS]
