"""Writes the output of transformers' logits processors for a small model's logits, for SamplingTest.

    python tools/sampling_reference.py src/test/resources/models/llama-gqa > src/test/resources/sampling/expected.json

There is no processor for OpenAI's presence and frequency penalties: they are subtracted after the repetition penalty, by
the formula of OpenAI's documentation.
"""
import json
import sys

import torch
from transformers import AutoModelForCausalLM
from transformers.generation import logits_process as processors

LAST = 31
PROMPT = [5, 77, 300, 5]
GENERATED = [77, 9, 9, 9, 120]

CASES = [
    {"temperature": 1},
    {"temperature": 0.7, "top_p": 0.9},
    {"temperature": 1.3, "top_k": 12},
    {"temperature": 0.9, "top_p": 0.8, "top_k": 30},
    {"temperature": 1, "min_p": 0.2},
    {"temperature": 2, "top_p": 0.98},
    {"temperature": 2, "top_p": 0.97, "top_k": 300, "min_p": 0.01},
    {"temperature": 1, "repetition_penalty": 1.3},
    {"temperature": 1, "presence_penalty": 1.5},
    {"temperature": 1, "frequency_penalty": 0.9},
    {"temperature": 0.8, "presence_penalty": -1.5, "frequency_penalty": -0.6},
    {"temperature": 1, "logit_bias": {"7": 4, "9": -100, "411": 2.5}},
    {"temperature": 1.1, "banned": [2, 11]},
    {"temperature": 0.8, "top_p": 0.95, "top_k": 50, "min_p": 0.05, "repetition_penalty": 1.3, "presence_penalty": 0.4,
     "frequency_penalty": 0.3, "logit_bias": {"7": 3, "77": 1.5, "5": -2}, "banned": [2]},
    {"temperature": 1.5, "top_p": 0.6, "top_k": 5, "min_p": 0.3, "repetition_penalty": 0.8, "logit_bias": {"300": 2}},
]


def openai_penalties(scores, case):
    for token in set(GENERATED):
        scores[0, token] -= case.get("presence_penalty", 0) + case.get("frequency_penalty", 0) * GENERATED.count(token)
    return scores


def shaped(logits, case):
    ids = torch.tensor([PROMPT + GENERATED])
    scores = logits.clone().unsqueeze(0)
    if case.get("logit_bias"):
        bias = {(int(token),): float(value) for token, value in case["logit_bias"].items()}
        scores = processors.SequenceBiasLogitsProcessor(bias)(ids, scores)
    if case.get("repetition_penalty", 1) != 1:
        scores = processors.RepetitionPenaltyLogitsProcessor(float(case["repetition_penalty"]))(ids, scores)
    scores = openai_penalties(scores, case)
    if case.get("banned"):
        more = len(GENERATED) + 1
        scores = processors.MinNewTokensLengthLogitsProcessor(len(PROMPT), more, case["banned"])(ids, scores)
    scores = processors.TemperatureLogitsWarper(float(case["temperature"]))(ids, scores)
    if case.get("top_k"):
        scores = processors.TopKLogitsWarper(case["top_k"])(ids, scores)
    if case.get("top_p", 1) < 1:
        scores = processors.TopPLogitsWarper(case["top_p"])(ids, scores)
    if case.get("min_p"):
        scores = processors.MinPLogitsWarper(case["min_p"])(ids, scores)
    return torch.softmax(scores[0].double(), -1)


def main(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        logits = model(torch.tensor([[LAST]])).logits[0, -1]
    cases = []
    for case in CASES:
        p = shaped(logits, case)
        kept = {str(i): float(f"{value:.9g}") for i, value in enumerate(p.tolist()) if value > 0}
        cases.append({**case, "probabilities": kept})
    json.dump({"token": LAST, "prompt": PROMPT, "generated": GENERATED, "cases": cases}, sys.stdout)
    print()


if __name__ == "__main__":
    main(sys.argv[1])
