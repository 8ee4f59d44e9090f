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
from card import write_card
from evaluate import evaluate
from pretrain import make_base
from reference import make_reference
from samples import write_samples

TASKS = {"describe": data.describe, "extract": data.extract, "describe-small-data": data.describe}
PRETRAINING_STEPS = 1400
EPOCHS, RENAMED_SHARE = 1, 0.5
SMALL_DATA_EXAMPLES, SMALL_DATA_EPOCHS = 200, 40
SEED = 17


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(2)
    out, base = arguments.out, arguments.out / "model"
    splits = {split: data.read(arguments.data, split) for split in ("train", "validation", "test")}
    minutes = {"base model": _timed(make_base, splits["train"], base, round(PRETRAINING_STEPS * arguments.effort), SEED)}
    for name in TASKS:
        minutes[name] = _timed(make_adapter, base, out / "adapters" / name,
                               _epochs(name, splits["train"], arguments.effort), SEED)
    print("minutes:", {part: round(m, 1) for part, m in minutes.items()}, flush=True)
    evaluations = [_judge(name, splits, base, out) for name in TASKS]
    parameters = LlamaForCausalLM.from_pretrained(base).num_parameters()
    write_card(out / "README.md", evaluations, minutes, parameters)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with e2e-train.jsonl, e2e-validation.jsonl and e2e-test.jsonl")
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--effort", type=float, default=1.0, help="share of the training, for a quick try")
    return parser.parse_args()


def _epochs(name: str, train: list[data.Restaurant], effort: float) -> list[list[data.Example]]:
    """The examples of each epoch. Names are invented anew in each, but for the small-data adapter, which sees only its own."""
    rng, task = random.Random(SEED), TASKS[name]
    if name == "describe-small-data":
        few = [task(r) for r in rng.sample(train, SMALL_DATA_EXAMPLES)]
        return [few] * max(1, round(SMALL_DATA_EPOCHS * effort))
    some = rng.sample(train, round(len(train) * min(1.0, EPOCHS * effort)))
    return [[task(r) for r in data.maybe_renamed(some, RENAMED_SHARE, rng)] for _ in range(max(1, round(EPOCHS * effort)))]


def _judge(name: str, splits: dict, base: Path, out: Path):
    """Everything that needs the finished adapter: reference outputs, sample data, held-out figures."""
    adapter, task = out / "adapters" / name, TASKS[name]
    validation, test = ([task(r) for r in splits[split]] for split in ("validation", "test"))
    make_reference(base, adapter, validation)
    if name != "describe-small-data":   # it shares the data of `describe`
        write_samples(out / "data", name, validation, test)
    evaluation = evaluate(base, adapter, test, test[0])
    print(evaluation, flush=True)
    return evaluation


def _timed(make, *arguments) -> float:
    """Runs one part and returns its minutes of wall time."""
    start = time.monotonic()
    make(*arguments)
    minutes = (time.monotonic() - start) / 60
    print(f"{make.__name__}: {minutes:.1f} minutes", flush=True)
    return minutes


if __name__ == "__main__":
    main()
