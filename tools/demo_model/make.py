#!/usr/bin/env python3
"""Makes the whole demo folder: base model, three adapters, their reference outputs, sample data and the model card.

    python make.py DATA_FOLDER OUT_FOLDER [--effort 0.1]
"""
import argparse
import random
import time
from pathlib import Path

import torch
from transformers import LlamaForCausalLM

import data
from adapters import make_adapter
from card import Minutes, write_card
from evaluate import evaluate
from pretrain import make_base
from reference import make_reference
from samples import write_samples

TASKS = {"describe": data.describe, "extract": data.extract, "describe-small-data": data.describe}
PRETRAINING_STEPS = 870
EXAMPLES, RENAMED_SHARE = 2400, 0.5
SMALL_DATA_EXAMPLES, SMALL_DATA_EPOCHS = 200, 25
HELD_OUT = 220
SEED = 17


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    out, base = arguments.out, arguments.out / "model"
    splits = {split: data.read(arguments.data, split) for split in ("train", "validation", "test")}
    minutes = {"base model": _timed(make_base, splits["train"], base, round(PRETRAINING_STEPS * arguments.effort), SEED)}
    for name in TASKS:
        minutes[name] = _timed(make_adapter, base, out / "adapters" / name,
                               epochs(name, splits["train"], arguments.effort), SEED)
    evaluations = [judge(name, splits, base, out) for name in TASKS]
    write_card(out / "README.md", evaluations, minutes, recipe(base))


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with e2e-train.jsonl, e2e-validation.jsonl and e2e-test.jsonl")
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--effort", type=float, default=1.0, help="share of the training, for a quick try")
    parser.add_argument("--threads", type=int, default=2, help="one is faster where other work keeps the cores busy")
    return parser.parse_args()


def epochs(name: str, train: list[data.Restaurant], effort: float) -> list[list[data.Example]]:
    """The examples of each epoch: many examples once, or the small-data adapter's few again and again, with their own names."""
    rng, task = random.Random(SEED), TASKS[name]
    if name == "describe-small-data":
        few = [task(r) for r in rng.sample(train, SMALL_DATA_EXAMPLES)]
        return [few] * max(1, round(SMALL_DATA_EPOCHS * effort))
    some = rng.sample(train, round(EXAMPLES * effort))
    return [[task(r) for r in data.maybe_renamed(some, RENAMED_SHARE, rng)]]


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
    """What the card says about the training, from the constants that it ran with."""
    parameters = LlamaForCausalLM.from_pretrained(base).num_parameters()
    return {"parameters": f"{parameters:,}", "steps": f"{PRETRAINING_STEPS:,}", "adapter_examples": f"{EXAMPLES:,}",
            "small_examples": str(SMALL_DATA_EXAMPLES), "small_epochs": str(SMALL_DATA_EPOCHS)}


def _timed(part, *arguments) -> Minutes:
    """Runs one part and says how long it took; processor time tells how much of the wall time other programs had."""
    wall, processor = time.monotonic(), time.process_time()
    part(*arguments)
    minutes = Minutes((time.monotonic() - wall) / 60, (time.process_time() - processor) / 60)
    print(f"{part.__name__}: {minutes.wall:.1f} minutes", flush=True)
    return minutes


if __name__ == "__main__":
    main()
