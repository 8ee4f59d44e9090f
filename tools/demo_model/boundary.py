"""Boundaries and their scores: LoRA in layers 0..b-1, none in layers b and above."""
import math
import re
from contextlib import contextmanager

import torch
from peft.tuners.lora import LoraLayer

from adapters import Encoded, padded

LAYER = re.compile(r"\.layers\.(\d+)\.")
TIE = 1e-6   # nats per token: closer values are equal, and the smaller boundary is chosen


@contextmanager
def boundary(model, layers: int):
    """Inside the `with`, LoRA has no effect in layer `layers` and above."""
    dropped = [m for name, m in model.named_modules() if isinstance(m, LoraLayer) and _layer_of(name) >= layers]
    kept_scaling = [dict(module.scaling) for module in dropped]
    for module in dropped:
        module.scaling = dict.fromkeys(module.scaling, 0.0)
    try:
        yield
    finally:
        for module, scaling in zip(dropped, kept_scaling):
            module.scaling = scaling


def _layer_of(module_name: str) -> int:
    return int(LAYER.search(module_name).group(1))


def boundaries(model) -> range:
    return range(model.config.num_hidden_layers + 1)


@torch.no_grad()
def completion_logprobs(model, examples: list[Encoded], batch: int = 1) -> list[float]:
    """Each example's log-likelihood, summed over its completion's tokens, end of sequence included."""
    scores = []
    for start in range(0, len(examples), batch):
        ids, labels = padded(examples[start:start + batch], model.config.pad_token_id)
        logprobs = torch.log_softmax(model(input_ids=ids).logits[:, :-1].float(), dim=-1)
        gold = labels[:, 1:]
        per_token = logprobs.gather(-1, gold.clamp(min=0).unsqueeze(-1)).squeeze(-1)
        scores += (per_token * (gold >= 0)).sum(dim=-1).tolist()
    return scores


@torch.no_grad()
def greedy(model, prompt: list[int], limit: int) -> list[int]:
    """Greedy continuation, up to and including an end of sequence, or up to the limit."""
    ids, eos = list(prompt), model.config.eos_token_id
    while len(ids) - len(prompt) < limit and (len(ids) == len(prompt) or ids[-1] != eos):
        ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt):]


def per_token(logprob_by_boundary: list[list[float]], examples: list[Encoded]) -> list[list[float]]:
    """Rows of examples, columns of boundaries: log-likelihood per gold token."""
    return [[value / (len(e.ids) - e.completion_start) for value in row] for row, e in zip(logprob_by_boundary, examples)]


def curve(scores: list[list[float]]) -> list[float]:
    return [sum(column) / len(scores) for column in zip(*scores)]


def best(scores: list[list[float]]) -> int:
    """The smallest boundary with the largest mean."""
    means = curve(scores)
    return next(b for b, mean in enumerate(means) if mean >= max(means) - TIE)


def within_one_standard_error(scores: list[list[float]]) -> int:
    """The smallest boundary whose paired difference from the best is within one standard error."""
    top = best(scores)
    for b in range(top):
        differences = [row[top] - row[b] for row in scores]
        mean = sum(differences) / len(differences)
        variance = sum((d - mean) ** 2 for d in differences) / (len(differences) - 1)
        if mean <= math.sqrt(variance / len(differences)) + TIE:
            return b
    return top


def no_worse_than_full(scores: list[list[float]]) -> int:
    """The smallest boundary whose mean is not below that of full LoRA."""
    means = curve(scores)
    return next(b for b, mean in enumerate(means) if mean >= means[-1] - TIE)
