"""E2E restaurant data: reader, layouts for pretraining, and prompts of the two tasks.

Source: E2E NLG (Novikova, Dušek and Rieser 2017), CC BY-SA 4.0. The data folder holds `e2e-train.jsonl`,
`e2e-validation.jsonl` and `e2e-test.jsonl`; a line is {"prompt": "Restaurant facts: name[…], …\\nDescription:",
"completion": " …"}.
"""
import json
import random
import re
from dataclasses import dataclass
from pathlib import Path

from names import invented_name

FACT = re.compile(r"(\w[\w ]*)\[([^\]]*)\]")
PLACE_KEYS = ("name", "near")


@dataclass(frozen=True)
class Restaurant:
    """Facts in their given order, and one sentence that a person wrote about them."""
    facts: tuple[tuple[str, str], ...]
    sentence: str


@dataclass(frozen=True)
class Example:
    prompt: str
    completion: str


def read(folder: Path, split: str) -> list[Restaurant]:
    lines = (folder / f"e2e-{split}.jsonl").read_text(encoding="utf-8").splitlines()
    return [_restaurant(json.loads(line)) for line in lines]


def _restaurant(row: dict) -> Restaurant:
    return Restaurant(tuple(FACT.findall(row["prompt"])), row["completion"].strip())


def renamed(restaurant: Restaurant, rng: random.Random) -> Restaurant:
    """The same restaurant with invented names, if the sentence contains the real ones."""
    facts, sentence = [], restaurant.sentence
    for key, value in restaurant.facts:
        if key in PLACE_KEYS and value in sentence:
            new = invented_name(rng)
            sentence, value = sentence.replace(value, new), new
        facts.append((key, value))
    return Restaurant(tuple(facts), sentence)


def maybe_renamed(restaurants: list[Restaurant], share: float, rng: random.Random) -> list[Restaurant]:
    return [renamed(r, rng) if rng.random() < share else r for r in restaurants]


def describe(restaurant: Restaurant) -> Example:
    """Task 1: facts to sentence."""
    return Example(f"Restaurant facts: {_bracketed(restaurant)}\nDescription:", f" {restaurant.sentence}")


def extract(restaurant: Restaurant) -> Example:
    """Task 2: sentence to facts."""
    return Example(f"Restaurant text: {restaurant.sentence}\nFacts:", f" {_bracketed(restaurant)}")


def _bracketed(restaurant: Restaurant) -> str:
    return ", ".join(f"{key}[{value}]" for key, value in restaurant.facts)


def document(restaurant: Restaurant, rng: random.Random) -> str:
    """One pretraining text in a random layout. No layout is a task's prompt, which only adapters are trained on."""
    return rng.choice(LAYOUTS)(_shuffled(restaurant, rng))


def _shuffled(restaurant: Restaurant, rng: random.Random) -> Restaurant:
    return Restaurant(tuple(rng.sample(restaurant.facts, len(restaurant.facts))), restaurant.sentence)


def _plain(r: Restaurant) -> str:
    return r.sentence


def _card_then_text(r: Restaurant) -> str:
    return "\n".join(f"{key}: {value}" for key, value in r.facts) + f"\n\n{r.sentence}"


def _text_then_card(r: Restaurant) -> str:
    return f"{r.sentence}\n\n" + "\n".join(f"{key}: {value}" for key, value in r.facts)


def _values_then_text(r: Restaurant) -> str:
    return " | ".join(value for _, value in r.facts) + f" - {r.sentence}"


def _text_then_pairs(r: Restaurant) -> str:
    return f"{r.sentence} (" + "; ".join(f"{key} = {value}" for key, value in r.facts) + ")"


def _pairs_then_text(r: Restaurant) -> str:
    return "; ".join(f"{key} = {value}" for key, value in r.facts) + f". {r.sentence}"


LAYOUTS = (_plain, _card_then_text, _text_then_card, _values_then_text, _text_then_pairs, _pairs_then_text)
