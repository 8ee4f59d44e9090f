"""How faithful the sentences of `describe` are: which facts of the prompt they hold word for word."""
from collections import Counter
from dataclasses import dataclass

import boundary as bounds
from data import PLACE_KEYS, Restaurant, describe

TEXT_TOKENS = 96
KEYS = ("name", "near", "eatType", "food", "area", "priceRange")


@dataclass(frozen=True)
class Held:
    """Of the prompts with this fact, those whose text holds it."""
    key: str
    prompts: int
    held: int


def faithful(model, tokenizer, restaurants: list[Restaurant]) -> list[Held]:
    texts = [tokenizer.decode(bounds.greedy(model, tokenizer(describe(r).prompt).input_ids, TEXT_TOKENS),
                              skip_special_tokens=True) for r in restaurants]
    return held(restaurants, texts)


def held(restaurants: list[Restaurant], texts: list[str]) -> list[Held]:
    """Places as they are spelled; other facts whatever their capitals."""
    prompts, found = Counter(), Counter()
    for restaurant, text in zip(restaurants, texts):
        for key, value in restaurant.facts:
            prompts[key] += 1
            found[key] += value in text if key in PLACE_KEYS else value.lower() in text.lower()
    return [Held(key, prompts[key], found[key]) for key in KEYS]
