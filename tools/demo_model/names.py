"""Invented place names.

The E2E texts contain only a few dozen restaurants. A model trained on those alone memorizes the names and cannot copy an
unseen name. Therefore the names of some training examples are replaced by invented ones.
"""
import random

ADJECTIVES = ("Amber Brass Bright Broken Copper Crooked Crystal Dancing Distant Dusty Emerald Gentle Happy Hidden Humble "
              "Iron Jolly Lonely Lucky Merry Misty Noble Old Painted Quiet Restless Rusty Scarlet Silent Silver Sleepy "
              "Stone Sunny Tall Velvet Wandering White Wild Winter Yellow").split()
NOUNS = ("Anchor Apple Badger Barrel Bear Bell Bridge Candle Castle Compass Crow Duck Falcon Feather Fiddle Fountain Fox "
         "Garden Goose Hammer Hare Harvest Heron Horse Kettle Kitchen Ladder Lantern Lighthouse Lion Maple Meadow Mirror "
         "Oak Orchard Otter Owl Pearl Raven River Rose Sailor Ship Sparrow Stag Star Swan Table Thistle Tiger "
         "Tower Trout Walnut Wheel Willow").split()
SYLLABLES = ("ba bel bri ca cor da del du el fa fen gar go hal in jo ka kel la len lo ma mar mi mon na nel no or pa per "
             "pi qua ra ren ro sa sel so ta ten ti to tra u va vel vi wen za zi").split()
ENDINGS = ("", "", " House", " Bar", " Hotel", " Café", " Kitchen", " Restaurant")


def invented_name(rng: random.Random) -> str:
    """A name of words or of syllables; syllables train copying below the level of words."""
    kind = rng.random()
    if kind < 0.35:
        return f"The {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"
    if kind < 0.5:
        return f"The {rng.choice(NOUNS)}"
    if kind < 0.65:
        return f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"
    word = "".join(rng.choice(SYLLABLES) for _ in range(rng.choice((2, 2, 3)))).capitalize()
    return word + rng.choice(ENDINGS)

ONSETS = "b bl br c ch cl cr d dr f fl fr g gl gr h j k l m n p pl pr qu r s sc sh sk sl sp st str sw t th tr v w wh y z".split()
VOWELS = "a a a e e e i i i o o o u u ai au aw ay ea ee ei ew ia ie io oa oo ou ow oy ue y".split()
CODAS = (*[""] * 12, *"b ck d ff ft g ge l ll lt m mp n nce nd ng nk nt p r rd rk rn rry s se sh ss st t tch th ve x".split())
KINDS = ("House Bar Hotel Café Kitchen Restaurant Grove Boat Man Inn Arms Court Garden Grill Corner Cuisine Lodge Parlour").split()
LINKS = ("by", "of", "and", "at the", "in", "&")


def varied_name(rng: random.Random) -> str:
    """As `invented_name`, but mostly one to three words of random letters, which are too many to memorize."""
    if rng.random() < 0.3:
        return invented_name(rng)
    words = [_made_up_word(rng) for _ in range(rng.choice((1, 1, 2, 2, 3)))] + rng.choice(([], [], [rng.choice(KINDS)]))
    if len(words) > 1 and rng.random() < 0.2:
        words.insert(1, rng.choice(LINKS))
    return " ".join(rng.choice(([], [], ["The"])) + words)


def _made_up_word(rng: random.Random) -> str:
    parts = (rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(rng.choice((1, 2, 2, 3))))
    return (rng.choice(("", "", "", "a", "e", "o")) + "".join(parts)).capitalize()
