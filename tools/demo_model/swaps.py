"""Restaurants with replaced values, in facts and sentence alike, which can only be copied.

The training split contains one kind of place, two kinds of food and two areas; without replacements a model memorizes them.
"""
import random
import re

from data import PLACE_KEYS, Restaurant
from names import varied_name

VALUES = {
    "eatType": ("pub", "restaurant", "coffee shop", "bistro", "diner", "tavern", "tea room", "wine bar", "bakery", "canteen"),
    "food": (*"English Chinese Italian Japanese French Indian Thai Greek Turkish Mexican Spanish Korean Polish Lebanese Vietnamese "
              "Moroccan German Swedish Persian Cuban Russian Irish American".split(), "Fast food"),
    "area": ("riverside", "city centre", "old town", "harbour", "market square", "north side", "suburbs", "station quarter"),
    "priceRange": ("less than £20", "£20-25", "more than £30"),
    "customer rating": ("1 out of 5", "3 out of 5", "5 out of 5"),
}
SPELLED_OUT_KEYS = ("name", "near", "eatType", "food", "area")
ARTICLE = re.compile(r"\b([Aa])n?(?= (\w))")


def spelled_out(restaurant: Restaurant, keys: tuple[str, ...] = SPELLED_OUT_KEYS) -> bool:
    """Whether the sentence contains these facts word for word."""
    sentence = restaurant.sentence.lower()
    return all(value.lower() in sentence for key, value in restaurant.facts if key in keys)


def maybe_swapped(restaurants: list[Restaurant], share: float, rng: random.Random) -> list[Restaurant]:
    return [swapped(r, rng, share) for r in restaurants]


def swapped(restaurant: Restaurant, rng: random.Random, share: float) -> Restaurant:
    """Each fact that the sentence contains word for word is replaced with this probability. Ratings and prices are replaced
    only if they have more than one word, since `high` may refer to either."""
    sentence, new = restaurant.sentence, {}
    for key, value in restaurant.facts:
        choices = VALUES.get(key, ())
        if value.lower() in sentence.lower() and (key in PLACE_KEYS or value in choices) and rng.random() < share:
            new[value.lower()] = varied_name(rng) if key in PLACE_KEYS else rng.choice(choices)
    if not new:
        return restaurant
    old = re.compile("|".join(map(re.escape, sorted(new, key=len, reverse=True))), re.IGNORECASE)
    facts = tuple((key, new.get(value.lower(), value)) for key, value in restaurant.facts)
    sentence = old.sub(lambda match: new[match[0].lower()], sentence).replace("Fast food food", "Fast food")
    return Restaurant(facts, ARTICLE.sub(_article, sentence))


def _article(match: re.Match) -> str:
    return match[1] + ("n" if match[2] in "AEIOaeiou" else "")
