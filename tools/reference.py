#!/usr/bin/env python3
"""Writes the reference outputs for `tidemark verify`: transformers and PEFT, for an adapter at every boundary.

    pip install -r tools/requirements.txt
    python tools/reference.py --model models/base --adapter adapters/restaurants --out references/restaurants
    python tools/reference.py --make qwen3 --layers 5 --heads 6 --kv-heads 3 --rope yarn --seed 7 --out references/qwen3

The first form uses your model and adapter, and writes to --out together with copies of the adapter's files; without --out,
to the adapter's folder. The second makes a small random model with adapters of every kind. See docs/verify.md.
"""
import argparse
import shutil
import warnings
from pathlib import Path

import torch
from transformers.utils import logging

from peft_reference import adapter_kinds, models, texts
from peft_reference.expected import write_expected

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


def main() -> None:
    options = _options()
    _hush()
    torch.set_num_threads(options.threads or (1 if options.make else torch.get_num_threads()))
    said = texts.read(options.prompts, options.count, options.pairs) if options.prompts else texts.built_in()
    if options.make:
        _make(options, said)
    else:
        out = options.out or options.adapter
        _copy(options.adapter, out)
        _report(out, write_expected(options.model, options.adapter, out, said, options.tokens))


def _make(options, said: texts.Texts) -> None:
    shape = models.Shape(options.make, options.layers, options.heads, options.kv_heads, options.head_dim, options.hidden,
                         options.intermediate, options.context, options.rope, options.sliding_window, options.biased,
                         options.tied, options.dtype, options.shard_size)
    models.make_model(shape, options.out, options.seed)
    for number, kind in enumerate(options.kinds or adapter_kinds.kinds_for(options.tied)):
        folder = options.out / "adapters" / kind
        adapter_kinds.make_adapter(options.out, kind, folder, options.seed + 1 + number)
        _report(folder, write_expected(options.out, folder, folder, said, options.tokens))


def _copy(adapter: Path, out: Path) -> None:
    if out.resolve() != adapter.resolve():
        out.mkdir(parents=True, exist_ok=True)
        for name in ADAPTER_FILES:
            shutil.copy(adapter / name, out / name)


def _hush() -> None:
    """Hides warnings about future versions and about merging adapters."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=UserWarning, module="peft")


def _report(folder: Path, expected: dict) -> None:
    print(f"{folder}: {len(expected['prompts'])} prompts, {len(expected['pairs'])} pairs; best {expected['best_boundary']}, "
          f"one standard error {expected['one_standard_error_boundary']}, no worse than full {expected['latency_boundary']}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    subject = parser.add_mutually_exclusive_group(required=True)
    subject.add_argument("--model", type=Path, metavar="DIR", help="base model as a Hugging Face folder")
    subject.add_argument("--make", choices=models.FAMILIES, help="make a small random model of this family")
    parser.add_argument("--adapter", type=Path, metavar="DIR", help="PEFT adapter of --model")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to write; needed with --make")
    parser.add_argument("--prompts", type=Path, metavar="FILE", help="JSON lines with prompt and completion, or messages; default: built in")
    parser.add_argument("--count", type=int, default=4, help="number of prompts of the file with logits and continuations (%(default)s)")
    parser.add_argument("--pairs", type=int, default=16, help="number of pairs of the file with log-likelihoods (%(default)s)")
    parser.add_argument("--tokens", type=int, default=12, help="longest greedy continuation (%(default)s)")
    parser.add_argument("--threads", type=int, help="threads of torch (1 with --make, otherwise one per core)")
    _shape(parser.add_argument_group("with --make"))
    options = parser.parse_args()
    if not (options.out if options.make else options.adapter):
        parser.error("--make needs --out" if options.make else "--model needs --adapter")
    if options.make and options.heads % options.kv_heads:
        parser.error("--heads must be a multiple of --kv-heads")
    if options.make and options.hidden % options.heads:
        parser.error("--hidden must be a multiple of --heads, or transformers refuses the model")
    if unknown := set(options.kinds or ()) - set(adapter_kinds.KINDS):
        parser.error(f"unknown --kinds: {', '.join(sorted(unknown))}")
    return options


def _shape(group) -> None:
    for name, default in (("layers", 4), ("heads", 4), ("kv-heads", 2), ("head-dim", 16), ("hidden", 48), ("intermediate", 80),
                          ("context", 512), ("seed", 1)):
        group.add_argument(f"--{name}", type=int, default=default, help="(%(default)s)")
    group.add_argument("--rope", choices=models.ROPES, default="default")
    group.add_argument("--sliding-window", type=int, help="attend to this many tokens only (mistral, qwen2, qwen3)")
    group.add_argument("--biased", action="store_true", help="biases in attention and MLP (llama), in attention (qwen3)")
    group.add_argument("--tied", action="store_true", help="tie the head to the embedding")
    group.add_argument("--dtype", choices=models.DTYPES, default="float32", help="type of the stored weights (%(default)s)")
    group.add_argument("--shard-size", default="5GB", help="split the weights into files of this size, such as 100KB (%(default)s)")
    group.add_argument("--kinds", type=lambda text: text.split(","), help="adapters to make, comma-separated, of: " + ", ".join(adapter_kinds.KINDS))


if __name__ == "__main__":
    main()
