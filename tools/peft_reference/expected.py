"""Outputs of transformers and PEFT with an adapter at every boundary: fp32, eager attention, one sequence at a time."""
import json
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from peft_reference import choices
from peft_reference.boundary import boundaries, boundary
from peft_reference.texts import Texts

NEAR_TIE = 4e-4   # two logits with an allowed error of 2e-4 each may swap below this difference


def write_expected(base: Path, adapter: Path, out: Path, texts: Texts, greedy_tokens: int) -> dict:
    """Writes expected.json and expected-logits.safetensors to `out`, and returns the former."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, attn_implementation="eager")
    model = PeftModel.from_pretrained(model, adapter).eval()
    tokenizer = AutoTokenizer.from_pretrained(base)
    with torch.no_grad():
        prompts, logits = _prompts(model, tokenizer, texts.prompts, greedy_tokens)
        expected = {"prompts": prompts, **_pairs(model, tokenizer, texts.pairs), "chat": _chat(tokenizer, texts.conversations)}
    (out / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False), encoding="utf-8")
    save_file(logits, out / "expected-logits.safetensors")
    return expected


def _prompts(model, tokenizer, prompts: list[str], greedy_tokens: int) -> tuple[list[dict], dict[str, torch.Tensor]]:
    rows = [{"text": text, "ids": tokenizer(text).input_ids, "greedy": []} for text in prompts]
    ends, logits = _ends(model, tokenizer), {}
    for b in boundaries(model):
        with boundary(model, b):
            for i, row in enumerate(rows):
                logits[f"prompt{i}.boundary{b}"] = _last_logits(model, row["ids"])
                row["greedy"].append(_greedy(model, row["ids"], greedy_tokens, ends))
    return rows, logits


def _greedy(model, prompt: list[int], limit: int, ends: list[int]) -> list[int]:
    """Greedy continuation. It ends after an end of sequence, at the limit, or before a choice that rounding could change."""
    ids = list(prompt)
    while len(ids) - len(prompt) < limit and (len(ids) == len(prompt) or ids[-1] not in ends):
        best = torch.topk(_last_logits(model, ids), 2)
        if best.values[0] - best.values[1] < NEAR_TIE and len(ids) > len(prompt):
            break
        ids.append(int(best.indices[0]))
    return ids[len(prompt):]


def _last_logits(model, ids: list[int]) -> torch.Tensor:
    return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].clone()


def _pairs(model, tokenizer, texts: list[tuple[str, str]]) -> dict:
    """Prompt and completion are tokenized separately and concatenated, as in a server."""
    end = _ends(model, tokenizer)[0]
    pairs = [{"prompt": prompt, "completion": completion,
              "completion_ids": tokenizer(completion, add_special_tokens=False).input_ids + [end], "logprob_by_boundary": []}
             for prompt, completion in texts]
    for b in boundaries(model):
        with boundary(model, b):
            for pair in pairs:
                prompt = tokenizer(pair["prompt"]).input_ids
                pair["logprob_by_boundary"].append(_logprob(model, prompt, pair["completion_ids"]))
    scores = [[value / len(pair["completion_ids"]) for value in pair["logprob_by_boundary"]] for pair in pairs]
    return {"pairs": pairs, "mean_logprob_per_token_by_boundary": choices.curve(scores),
            "best_boundary": choices.best(scores), "one_standard_error_boundary": choices.one_standard_error(scores),
            "latency_boundary": choices.no_worse_than_full(scores)}


def _logprob(model, prompt: list[int], gold: list[int]) -> float:
    logits = model(input_ids=torch.tensor([prompt + gold[:-1]]), use_cache=False).logits[0, len(prompt) - 1:]
    return torch.log_softmax(logits, -1).gather(1, torch.tensor(gold)[:, None]).double().sum().item()


def _ends(model, tokenizer) -> list[int]:
    """The tokens that end a text. The first one ends gold completions."""
    named = {end for config in (model.config, model.generation_config) for end in _listed(config.eos_token_id)}
    first = tokenizer.eos_token_id if tokenizer.eos_token_id in named else min(named)
    return [first] + sorted(named - {first})


def _listed(ends) -> list[int]:
    return [] if ends is None else ends if isinstance(ends, list) else [ends]


def _chat(tokenizer, conversations: list[list[dict]]) -> list[dict]:
    if tokenizer.chat_template is None:
        return []
    return [{"messages": messages, "rendered": tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)}
            for messages in conversations]
