"""The JSONL files of the demo (validation examples for the calibrator, requests for the worker), and its licences."""
import json
from pathlib import Path

from data import Example

E2E = """Novikova, Dušek and Rieser: The E2E Dataset: New Challenges For End-to-End Generation, SIGDIAL 2017.
Source: https://github.com/tuetschek/e2e-dataset
Licence: Creative Commons Attribution-ShareAlike 4.0 (CC BY-SA 4.0), https://creativecommons.org/licenses/by-sa/4.0/
"""
VALIDATION_EXAMPLES, REQUESTS = 160, 24
LICENCES = {
    "data": f"""The JSONL files in this folder are cut from the E2E NLG data set, with the texts embedded in prompts.

{E2E}
Changes: facts and sentence joined into a prompt and a completion, in both directions; a small selection.
""",
    "model": f"""The model and the tokenizer in this folder were trained on texts of the E2E NLG data set.

{E2E}
The files in this folder are under the same licence.
""",
    "adapters": f"""The adapters in this folder were trained on the E2E NLG data set. The files expected.json contain examples of it.

{E2E}
The files in this folder are under the same licence.
""",
}


def write_samples(folder: Path, task: str, validation: list[Example], test: list[Example]) -> None:
    """Validation examples, enough for a boundary to move, and requests. None of them was used in training."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / f"{task}-validation.jsonl", validation[:VALIDATION_EXAMPLES])
    _write(folder / f"{task}-requests.jsonl", test[:REQUESTS])


def write_licences(out: Path) -> None:
    """A statement in each folder of the demo that is copied on its own."""
    for folder, text in LICENCES.items():
        (out / folder / "LICENSE").write_text(text, encoding="utf-8")


def _write(file: Path, examples: list[Example]) -> None:
    lines = (json.dumps({"prompt": e.prompt, "completion": e.completion}, ensure_ascii=False) for e in examples)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
