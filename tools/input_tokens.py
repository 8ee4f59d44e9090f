"""Writes src/test/resources/input/tokens.json: the token ids of the examples there in transformers.

    pip install transformers==5.24.0 tokenizers==0.23.3 jinja2
    python tools/input_tokens.py
"""
import json
import pathlib

import tokenizers
import transformers

RESOURCES = pathlib.Path(__file__).resolve().parent.parent / "src/test/resources"
HERE = RESOURCES / "input"


def decoded(message):
    """Clients encode the arguments of a tool call as text; templates expect the object (docs/topics.md)."""
    for call in message.get("tool_calls") or []:
        call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return message


def prompt(tokenizer, example):
    if "prompt" in example:
        return tokenizer(example["prompt"])["input_ids"]
    return tokenizer.apply_chat_template(
        [decoded(message) for message in example["messages"]], tools=example.get("tools"),
        chat_template=(HERE / "chat_template.jinja").read_text("utf-8"), add_generation_prompt=True, return_dict=False)


def main():
    tokenizer = transformers.AutoTokenizer.from_pretrained(RESOURCES / "tokenizers/sentencepiece-unigram")
    examples = []
    for line in (HERE / "examples.jsonl").read_text("utf-8").splitlines():
        example = json.loads(line)
        completion = tokenizer(example["completion"], add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
        examples.append({"name": example["name"], "prompt": prompt(tokenizer, example), "completion": completion})
    versions = {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__}
    rows = ",\n".join(json.dumps(example) for example in examples)
    (HERE / "tokens.json").write_text(json.dumps(versions)[:-1] + ', "examples": [\n' + rows + "\n]}\n", "utf-8")


if __name__ == "__main__":
    main()
