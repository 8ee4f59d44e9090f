"""Writes the model card, demo/README.md, from measured values."""
from dataclasses import dataclass
from pathlib import Path

from evaluate import Evaluation
from faithful import Held

TEMPLATE = Path(__file__).with_name("card.md")


@dataclass(frozen=True)
class Minutes:
    wall: float
    processor: float


def write_card(file: Path, evaluations: list[Evaluation], held: list[Held], minutes: dict[str, Minutes], recipe: dict[str, str]) -> None:
    file.write_text(TEMPLATE.read_text(encoding="utf-8").format(
        examples=evaluations[0].examples, layers=len(evaluations[0].curve) - 1, minutes=_minutes(minutes),
        table=_table(evaluations), verdict="\n".join(map(_sentence, evaluations)),
        samples="\n".join(map(_sample, evaluations)), held=_held(held), **recipe), encoding="utf-8")


def _minutes(minutes: dict[str, Minutes]) -> str:
    rows = [f"| {part} | {m.wall:.1f} | {m.processor:.1f} |" for part, m in minutes.items()]
    return "\n".join(["| part | minutes | processor minutes |", "| --- | ---: | ---: |", *rows])


def _table(evaluations: list[Evaluation]) -> str:
    rows = [["boundary", *(f"`{e.adapter}`" for e in evaluations)], ["---"] + ["---:"] * len(evaluations)]
    for b in range(len(evaluations[0].curve)):
        rows.append([str(b), *(f"**{e.curve[b]:.3f}**" if b == e.best else f"{e.curve[b]:.3f}" for e in evaluations)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _sentence(e: Evaluation) -> str:
    full, best = len(e.curve) - 1, e.curve[e.best]
    if e.best == full:
        found = f"the curve is highest with LoRA in all {full} layers, and every layer contributes"
    else:
        found = (f"boundary {e.best} is best, {best - e.curve[full]:.3f} nats per token above full LoRA "
                 f"({best:.3f} and {e.curve[full]:.3f})")
    return (f"- `{e.adapter}`: {found}. Base model alone {e.curve[0]:.3f}. "
            f"Choices: `best` {e.best}, `one_standard_error` {e.one_standard_error}, "
            f"`no_worse_than_full` {e.no_worse_than_full}.")


def _sample(e: Evaluation) -> str:
    return f"`{e.adapter}`:\n```\n{e.sample_prompt}{e.sample_text}\n```"


def _held(held: list[Held]) -> str:
    rows = [f"| {h.key} | {h.held} of {h.prompts} |" for h in held]
    return "\n".join(["| fact | contained |", "| --- | ---: |", *rows])
