"""The JSONL files of the demo: validation examples for the calibrator, and requests for the worker."""
import json
from pathlib import Path

from data import Example

LICENCE = """The JSONL files in this folder are cut from the E2E NLG data set, with the texts embedded in prompts.

Novikova, Dušek and Rieser: The E2E Dataset: New Challenges For End-to-End Generation, SIGDIAL 2017.
Licence: Creative Commons Attribution-ShareAlike 4.0 (CC BY-SA 4.0), https://creativecommons.org/licenses/by-sa/4.0/

Changes: facts and sentence joined into a prompt and a completion, in both directions; a small selection.
"""


def write_samples(folder: Path, task: str, validation: list[Example], test: list[Example]) -> None:
    """64 validation examples and 24 requests, none of them used in training."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / f"{task}-validation.jsonl", validation[:64])
    _write(folder / f"{task}-requests.jsonl", test[:24])
    (folder / "LICENSE").write_text(LICENCE, encoding="utf-8")


def _write(file: Path, examples: list[Example]) -> None:
    lines = (json.dumps({"prompt": e.prompt, "completion": e.completion}, ensure_ascii=False) for e in examples)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
