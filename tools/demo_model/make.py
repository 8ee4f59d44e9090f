#!/usr/bin/env python3
"""Makes the demo folder: base model, three adapters, their reference outputs, sample data, licences and the model card.

    python make.py DATA_FOLDER OUT_FOLDER [--effort 0.1]
"""
import argparse
import random
import time
from pathlib import Path

import torch
from transformers import LlamaForCausalLM

import data
from additions import maybe_extended
from adapters import make_adapter
from card import Minutes, write_card
from evaluate import evaluate
from faithful import faithful
from later_phases import continue_base
from pretrain import make_base
from reference import load, make_reference
from samples import REQUESTS, VALIDATION_EXAMPLES, write_licences, write_samples
from swaps import SPELLED_OUT_KEYS, maybe_swapped, spelled_out

TASKS = {"describe": data.describe, "extract": data.extract, "describe-small-data": data.describe}
FIRST_PHASE_STEPS, LATER_PHASES_STEPS = 870, (1150, 650)
EXAMPLES = {"describe": (2400,), "extract": (2336, 2336)}   # per pass; each pass has new samples and replacements
SWAPPED_SHARE, EXTENDED_SHARE = 0.8, 0.3
SMALL_DATA_EXAMPLES, SMALL_DATA_EPOCHS = 200, 25
HELD_OUT, READ_FOR_FACTS = 220, 60
SEED = 17


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    out, base = arguments.out, arguments.out / "model"
    splits = {split: data.read(arguments.data, split) for split in ("train", "validation", "test")}
    minutes = {"base model, phase 1": _timed(make_base, splits["train"], base, round(FIRST_PHASE_STEPS * arguments.effort), SEED)}
    for i, steps in enumerate(LATER_PHASES_STEPS):
        minutes[f"base model, phase {i + 2}"] = _timed(
            continue_base, splits["train"], base, round(steps * arguments.effort), SEED + i)
    for name in TASKS:
        minutes[name] = _timed(make_adapter, base, out / "adapters" / name,
                               epochs(name, splits["train"], arguments.effort), SEED)
    evaluations = [judge(name, splits, base, out) for name in TASKS]
    held = faithful(*load(base, out / "adapters" / "describe"), splits["test"][:READ_FOR_FACTS])
    write_licences(out)
    write_card(out / "README.md", evaluations, held, minutes, recipe(base))


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with e2e-train.jsonl, e2e-validation.jsonl and e2e-test.jsonl")
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--effort", type=float, default=1.0, help="fraction of the training, for a quick test")
    parser.add_argument("--threads", type=int, default=2, help="1 is faster if other programs use the cores")
    return parser.parse_args()


def epochs(name: str, train: list[data.Restaurant], effort: float) -> list[list[data.Example]]:
    """The examples of each epoch: many examples once, or the few of the small-data adapter repeatedly, without replacements."""
    rng, task = random.Random(SEED), TASKS[name]
    if name == "describe-small-data":
        few = [task(r) for r in rng.sample(train, SMALL_DATA_EXAMPLES)]
        return [few] * max(1, round(SMALL_DATA_EPOCHS * effort))
    fitting = [r for r in train if spelled_out(r, (*SPELLED_OUT_KEYS, "priceRange"))]
    passes = []
    for examples in EXAMPLES[name]:
        some = maybe_swapped(rng.sample(fitting, round(examples * effort)), SWAPPED_SHARE, rng)
        passes.append([task(r) for r in maybe_extended(some, EXTENDED_SHARE, rng)])
    return passes


def judge(name: str, splits: dict, base: Path, out: Path):
    """Everything that needs the finished adapter: reference outputs, sample data, held-out figures."""
    adapter, task = out / "adapters" / name, TASKS[name]
    validation, test = ([task(r) for r in splits[split]] for split in ("validation", "test"))
    make_reference(base, adapter, validation)
    if name != "describe-small-data":   # it shares the data of `describe`
        write_samples(out / "data", name, validation, test)
    evaluation = evaluate(base, adapter, test[:HELD_OUT], test[0])
    print(evaluation, flush=True)
    return evaluation


def recipe(base: Path) -> dict[str, str]:
    """Values of the training for the model card, from the constants of this script."""
    parameters = LlamaForCausalLM.from_pretrained(base).num_parameters()
    return {"parameters": f"{parameters:,}", "first_steps": f"{FIRST_PHASE_STEPS:,}",
            "later_steps": " and ".join(f"{steps:,}" for steps in LATER_PHASES_STEPS),
            "describe_examples": f"{sum(EXAMPLES['describe']):,}",
            "extract_examples": f"{sum(EXAMPLES['extract']):,}", "small_examples": str(SMALL_DATA_EXAMPLES),
            "small_epochs": str(SMALL_DATA_EPOCHS), "prompts": str(READ_FOR_FACTS),
            "validation_examples": str(VALIDATION_EXAMPLES), "requests": str(REQUESTS)}


def _timed(part, *arguments) -> Minutes:
    """Runs one part and measures wall and processor time; the difference shows how much time other programs used."""
    wall, processor = time.monotonic(), time.process_time()
    part(*arguments)
    minutes = Minutes((time.monotonic() - wall) / 60, (time.process_time() - processor) / 60)
    print(f"{part.__name__}: {minutes.wall:.1f} minutes", flush=True)
    return minutes


if __name__ == "__main__":
    main()
