"""Texts of the references: prompts, pairs of prompt and completion, and conversations."""
import json
from dataclasses import dataclass
from pathlib import Path

PLACES = [("The Eagle", "Thai", "riverside"), ("Café Brasil", "English", "city centre"), ("The Mill", "Indian", "old harbour")]


@dataclass(frozen=True)
class Texts:
    prompts: list[str]
    pairs: list[tuple[str, str]]
    conversations: list[list[dict]]


def built_in() -> Texts:
    """Short and long, one character, several scripts, an emoji that takes several tokens, code with white space."""
    prompts = ["The layers of a network", "a", "für Łódź, 東京 и Москва 🙂👍🏽", "def add(a, b):\n    return a +",
               "Each layer adds a little to what the layer before it has said. " * 6]
    pairs = [(f"name[{name}], food[{food}], area[{area}], rated[{stars}] =>", f" {name} is a {food} place in the {area} with {stars} stars.")
             for name, food, area in PLACES for stars in range(1, 6)]
    conversations = [[_said("user", "Hello")],
                     [_said("user", " Name a river. "), _said("assistant", "The Rhine."), _said("user", "Another\n\n")]]
    return Texts(prompts, pairs, conversations)


def read(file: Path, prompts: int, pairs: int) -> Texts:
    """JSON lines with `prompt` and, for a pair, `completion`; or with `messages`. Takes the first `prompts` and `pairs`."""
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    for number, line in enumerate(lines, 1):
        if "prompt" not in line and "messages" not in line:
            raise SystemExit(f"{file}: object {number} has neither 'prompt' nor 'messages'")
    found = Texts([line["prompt"] for line in lines if "prompt" in line][:prompts],
                  [(line["prompt"], line["completion"]) for line in lines if "prompt" in line and "completion" in line][:pairs],
                  [line["messages"] for line in lines if "messages" in line] or built_in().conversations)
    if not found.prompts or not found.pairs:
        raise SystemExit(f"{file}: at least one line needs 'prompt' and 'completion'")
    return found


def _said(role: str, content: str) -> dict:
    return {"role": role, "content": content}
