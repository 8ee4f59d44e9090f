"""Texts of the later pretraining phases: the first part is given, and the second can be copied from it.

Layouts are neutral; none is a task's prompt. Some have a space before a value and some do not, because the tokenizer splits a
name differently after a space, and both cases occur in the tasks.
"""
import random

from additions import maybe_extended
from data import Example, Restaurant
from swaps import maybe_swapped, spelled_out

SWAPPED_SHARE, EXTENDED_SHARE = 0.8, 0.4
FORMATS = ("{} = {}", "{}: {}", '{}="{}"', "{}<{}>", "{}:{}", "{} ({})")
JOINTS = ("; ", "\n", ", ", " ")


def lessons(restaurants: list[Restaurant], rng: random.Random):
    """Endless epochs, each in a new order and with new names, values and layouts."""
    fitting = [r for r in restaurants if spelled_out(r)]
    while True:
        changed = maybe_swapped(rng.sample(fitting, len(fitting)), SWAPPED_SHARE, rng)
        for restaurant in maybe_extended(changed, EXTENDED_SHARE, rng):
            yield _lesson(restaurant, rng)


def _lesson(restaurant: Restaurant, rng: random.Random) -> Example:
    kind = rng.random()
    if kind < 0.55:
        return Example(_listed(_shuffled(restaurant, rng), rng) + rng.choice((" ->", "\n--", "\nText:")), f" {restaurant.sentence}")
    if kind < 0.75:
        return Example(restaurant.sentence + rng.choice((" ->", "\n--", "\nList:")), f" {_listed(restaurant.facts, rng)}")
    return Example(_listed(_shuffled(restaurant, rng), rng) + " ->", f" {_listed(_shuffled(restaurant, rng), rng)}")


def _listed(facts, rng: random.Random) -> str:
    return rng.choice(JOINTS).join(map(rng.choice(FORMATS).format, *zip(*facts)))


def _shuffled(restaurant: Restaurant, rng: random.Random):
    return rng.sample(restaurant.facts, len(restaurant.facts)) if rng.random() < 0.7 else restaurant.facts
