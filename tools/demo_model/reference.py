"""Reference outputs of transformers and PEFT with an adapter, in fp32 and one sequence at a time."""
import json
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoTokenizer, LlamaForCausalLM

import boundary as bounds
from adapters import encode
from data import Example

PROMPTS, PAIRS, GREEDY_TOKENS = 4, 32, 12


def load(base: Path, adapter: Path):
    model = LlamaForCausalLM.from_pretrained(base, dtype=torch.float32, attn_implementation="eager")
    return PeftModel.from_pretrained(model, adapter).eval(), AutoTokenizer.from_pretrained(base)


def make_reference(base: Path, adapter: Path, validation: list[Example]) -> None:
    """Writes expected.json and expected-logits.safetensors to the adapter's folder."""
    model, tokenizer = load(base, adapter)
    examples = validation[:PAIRS]
    prompts = [e.prompt for e in examples[:PROMPTS]]
    expected = {"prompts": _prompts(model, tokenizer, prompts), **_pairs(model, tokenizer, examples),
                "chat": _chats(tokenizer, prompts[0])}
    (adapter / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False), encoding="utf-8")
    save_file(_logits(model, tokenizer, prompts), adapter / "expected-logits.safetensors")


def _prompts(model, tokenizer, prompts: list[str]) -> list[dict]:
    rows = [{"text": text, "ids": tokenizer(text).input_ids, "greedy": []} for text in prompts]
    for b in bounds.boundaries(model):
        with bounds.boundary(model, b):
            for row in rows:
                row["greedy"].append(bounds.greedy(model, row["ids"], GREEDY_TOKENS))
    return rows


@torch.no_grad()
def _logits(model, tokenizer, prompts: list[str]) -> dict[str, torch.Tensor]:
    logits = {}
    for b in bounds.boundaries(model):
        with bounds.boundary(model, b):
            for i, text in enumerate(prompts):
                ids = torch.tensor([tokenizer(text).input_ids])
                logits[f"prompt{i}.boundary{b}"] = model(input_ids=ids).logits[0, -1].clone()
    return logits


def _pairs(model, tokenizer, examples: list[Example]) -> dict:
    encoded = [encode(e, tokenizer) for e in examples]
    logprobs = score_by_boundary(model, encoded)
    scores = bounds.per_token(logprobs, encoded)
    pairs = [{"prompt": example.prompt, "completion": example.completion,
              "completion_ids": e.ids[e.completion_start:], "logprob_by_boundary": row}
             for example, e, row in zip(examples, encoded, logprobs)]
    return {"pairs": pairs, "mean_logprob_per_token_by_boundary": bounds.curve(scores),
            "best_boundary": bounds.best(scores),
            "one_standard_error_boundary": bounds.within_one_standard_error(scores),
            "latency_boundary": bounds.no_worse_than_full(scores)}


def score_by_boundary(model, encoded, batch: int = 1) -> list[list[float]]:
    """Rows of examples, columns of boundaries: summed log-likelihood."""
    columns = []
    for b in bounds.boundaries(model):
        with bounds.boundary(model, b):
            columns.append(bounds.completion_logprobs(model, encoded, batch))
    return [list(row) for row in zip(*columns)]


def _chats(tokenizer, prompt: str) -> list[dict]:
    dialogues = [[{"role": "user", "content": prompt}],
                 [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": prompt}]]
    return [{"messages": messages,
             "rendered": tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)}
            for messages in dialogues]
