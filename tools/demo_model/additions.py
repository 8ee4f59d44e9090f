"""Restaurants with more facts: a missing fact is added, with a short sentence that states it.

Sentences about many facts often omit some, and most restaurants of the training split have few facts. The added sentence is
another part that can only be copied.
"""
import random

from data import Restaurant
from names import varied_name
from swaps import VALUES

ORDER = ("name", "eatType", "food", "priceRange", "customer rating", "area", "familyFriendly", "near")
SENTENCES = {
    "food": ("It serves {} food.", "The food is {}.", "You can eat {} food there."),
    "area": ("It is in the {} area.", "It is located in the {}.", "You find it in the {}."),
    "near": ("It is near {}.", "It is located near {}.", "{} is near it."),
    "priceRange": ("The price range is {}.", "Its price range is {}.", "It has a {} price range."),
    "customer rating": ("It has a customer rating of {}.", "Its customer rating is {}.", "Customers rate it {}."),
}
FRIENDLY = {"yes": ("It is family friendly.", "It is child friendly.", "It is family-friendly."),
            "no": ("It is not family friendly.", "It is not child friendly.", "It is not family-friendly.")}
ONE_WORD = {"priceRange": ("cheap", "moderate", "high"), "customer rating": ("low", "average", "high")}


def maybe_extended(restaurants: list[Restaurant], share: float, rng: random.Random) -> list[Restaurant]:
    return [extended(r, rng) if rng.random() < share else r for r in restaurants]


def extended(restaurant: Restaurant, rng: random.Random) -> Restaurant:
    """Adds up to three missing facts, in the order of facts of the data."""
    present = dict(restaurant.facts)
    missing = [key for key in (*SENTENCES, "familyFriendly") if key not in present]
    sentence = restaurant.sentence.rstrip(" ,;")
    if not sentence.endswith((".", "!", "?")):
        sentence += "."
    for key in rng.sample(missing, min(len(missing), rng.choice((1, 2, 3)))):
        present[key] = value = _value(key, rng)
        sentence += " " + rng.choice(SENTENCES.get(key) or FRIENDLY[value]).format(value).replace("Fast food food", "Fast food")
    return Restaurant(tuple((key, present[key]) for key in ORDER if key in present), sentence)


def _value(key: str, rng: random.Random) -> str:
    if key == "near":
        return varied_name(rng)
    return rng.choice(tuple(FRIENDLY) if key == "familyFriendly" else VALUES[key] + ONE_WORD.get(key, ()))
