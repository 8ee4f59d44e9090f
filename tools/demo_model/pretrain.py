"""Pretrains the base model, from random weights, as a plain language model on neutral layouts of the training split."""
import math
import random
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import data
import tokenizer as tokenizers

ROW_TOKENS, ROWS_PER_STEP = 192, 12
PEAK_LEARNING_RATE, WARM_UP_STEPS, COSINE_STEPS, COOL_DOWN_STEPS = 2e-3, 60, 1400, 60
RENAMED_SHARE = 0.6


def make_base(restaurants: list[data.Restaurant], folder: Path, steps: int, seed: int) -> None:
    rng = random.Random(seed)
    torch.manual_seed(seed)
    tokenizer = tokenizers.train(_tokenizer_texts(restaurants, rng))
    model = LlamaForCausalLM(_config(tokenizer))
    print(f"base: {sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens in the vocabulary")
    _train(model, _rows(restaurants, tokenizer, rng), steps)
    save(model, folder)
    tokenizers.save(tokenizer, folder)


def save(model: LlamaForCausalLM, folder: Path) -> None:
    """Stores fp16, which halves the size. Every later part loads these rounded weights, so that all use the same base."""
    model.generation_config.do_sample = False
    model.to(torch.float16).save_pretrained(folder)


def _config(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=192, intermediate_size=512, num_hidden_layers=8, num_attention_heads=6,
        num_key_value_heads=2, head_dim=32, max_position_embeddings=512, tie_word_embeddings=True, rms_norm_eps=1e-5,
        bos_token_id=None, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)


def _tokenizer_texts(restaurants, rng):
    """Pretraining layouts and task prompts, so that the tasks' prompts have few tokens."""
    for restaurant in data.maybe_renamed(restaurants, 0.2, rng):
        yield data.document(restaurant, rng)
        yield data.describe(restaurant).prompt


def _rows(restaurants, tokenizer, rng):
    """Endless rows of whole documents, with a new order, layout and naming in each epoch. A row starts with a document."""
    row = []
    while True:
        epoch = data.maybe_renamed(rng.sample(restaurants, len(restaurants)), RENAMED_SHARE, rng)
        for restaurant in epoch:
            ids = tokenizer(data.document(restaurant, rng)).input_ids + [tokenizer.eos_token_id]
            if row and len(row) + len(ids) > ROW_TOKENS:
                yield row[:ROW_TOKENS]
                row = []
            row = row + ids


def _train(model: LlamaForCausalLM, rows, steps: int) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LEARNING_RATE, betas=(0.9, 0.95), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _learning_rate_factor(step, steps))
    model.train()
    for step in range(steps):
        ids, labels = _batch([next(rows) for _ in range(ROWS_PER_STEP)], model.config.pad_token_id)
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step(), schedule.step(), optimizer.zero_grad()
        if step % 50 == 0 or step == steps - 1:
            print(f"base: step {step} of {steps}, loss {loss.item():.3f}", flush=True)
    model.eval()


def _learning_rate_factor(step: int, steps: int) -> float:
    """Warm-up, then a cosine of fixed length. The last steps decay linearly to zero, whatever the number of steps.

    The decay may start anywhere at little cost, so the number of steps can be chosen by the available time.
    """
    if step < WARM_UP_STEPS:
        return (step + 1) / WARM_UP_STEPS
    cool_down = min(1.0, (steps - step) / COOL_DOWN_STEPS)
    on_cosine = min(step, steps - COOL_DOWN_STEPS) - WARM_UP_STEPS
    return cool_down * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * on_cosine / (COSINE_STEPS - WARM_UP_STEPS))))


def _batch(rows: list[list[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pads on the right. Causal attention does not attend to padding, so no mask is needed and PyTorch's fast path is used."""
    width = max(map(len, rows))
    ids = torch.tensor([row + [pad] * (width - len(row)) for row in rows])
    return ids, ids.masked_fill(ids == pad, -100)
