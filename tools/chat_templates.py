"""Writes src/test/resources/chat/*.json: the templates and expressions there as rendered by transformers.

    pip install transformers jinja2
    python tools/chat_templates.py [TEMPLATE.jinja ...]

If templates are given, prints their renderings as JSON lines instead, for a comparison with Tidemark's.
"""
import datetime
import json
import pathlib
import sys

from transformers.utils import chat_template_utils as templates

HERE = pathlib.Path(__file__).resolve().parent.parent / "src/test/resources/chat"
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


class Noon(datetime.datetime):
    """A fixed clock for strftime_now."""

    @classmethod
    def now(cls, tz=None):
        return cls(2026, 3, 5, 14, 7, 9)


def rendered(template, messages, tools):
    chat = templates._normalize_chat_messages(messages)
    try:
        made, _ = templates.render_jinja_template(
            [chat], tools=tools, chat_template=template, add_generation_prompt=True, **TOKENS)
        return {"rendered": made[0]}
    except Exception as failure:  # tests compare that it fails, not the message
        return {"error": f"{type(failure).__name__}: {failure}"}


def renderings(files):
    for case in json.loads((HERE / "conversations.json").read_text("utf-8")):
        for file in files:
            made = rendered(file.read_text("utf-8"), case["messages"], case.get("tools"))
            yield {"template": file.name, "case": case["name"], **made}


def evaluations(groups):
    for expressions in groups.values():
        for expression in expressions:
            made = rendered("{{ " + expression + " }}", [{"role": "user", "content": " Ünïcode 🙂 text\n"}], None)
            yield {"expression": expression, **made}


def lines(entries):
    return "[\n" + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries) + "\n]\n"


def main():
    templates.datetime = Noon
    if len(sys.argv) > 1:
        for made in renderings([pathlib.Path(name) for name in sys.argv[1:]]):
            print(json.dumps(made, ensure_ascii=False))
        return
    files = sorted((HERE / "templates").glob("*.jinja"))
    (HERE / "renderings.json").write_text(lines(renderings(files)), "utf-8")
    groups = json.loads((HERE / "expressions.json").read_text("utf-8"))
    (HERE / "evaluations.json").write_text(lines(evaluations(groups)), "utf-8")


if __name__ == "__main__":
    main()
