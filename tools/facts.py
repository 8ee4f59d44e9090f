#!/usr/bin/env python3
"""Scores the facts in the texts of the demo's adapter `extract`, and prints a Markdown table.

    tools/facts.py EXAMPLES.jsonl FORMAT.regex FREE.json NAME=REPORT.json ...

EXAMPLES.jsonl is the file of `tidemark evaluate --data`, and FORMAT.regex has an expression of the texts. FREE.json is
the output of `tidemark evaluate --json` on these examples without a format, and each REPORT.json the one with the
format NAME. docs/results.md defines the columns.
"""
import json
import pathlib
import re
import statistics
import sys

FACT = re.compile(r"([A-Za-z ]+)\[([^\[\]]*)\]")


def main(examples, expression, free, *reports):
    gold = [facts(json.loads(line)["completion"]) for line in pathlib.Path(examples).read_text("utf-8").splitlines()]
    form = re.compile(pathlib.Path(expression).read_text("utf-8").rstrip("\n"))
    print("| format | boundary | in the format | cut | all right | F1 | against full LoRA | against no format | BLEU |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    unconstrained = rows_of(free)
    for name, file in [("none", free), *(report.split("=", 1) for report in reports)]:
        rows = rows_of(file)
        full = max(boundary for boundary in rows if boundary >= 0)
        for boundary, row in sorted(rows.items(), reverse=True):
            each = scores(row, gold)
            print("|", " | ".join([
                name, str(boundary) if boundary >= 0 else "base model",
                str(sum(bool(form.fullmatch(text["text"])) for text in row["texts"])),
                str(sum(text["cut"] for text in row["texts"])),
                str(sum(facts(text["text"]) == right for text, right in zip(row["texts"], gold))),
                f"{statistics.mean(each):.3f}",
                "-" if boundary == full else difference(each, scores(rows[full], gold)),
                "-" if file == free else difference(each, scores(unconstrained[boundary], gold)),
                f"{row['bleu']:.1f}"]), "|")


def rows_of(report):
    """The rows of a report by boundary; -1 is the base model. Settings with the same boundary have the same texts."""
    rows = json.loads(pathlib.Path(report).read_text("utf-8"))["rows"]
    return {row.get("boundary", -1): row for row in rows if row.get("scale", 1) == 1}


def facts(text):
    return {(key.strip(), value.strip()) for key, value in FACT.findall(text)}


def scores(row, gold):
    """F1 of the facts of each text: a fact is right if name and value are those of a fact of the completion."""
    found = [facts(text["text"]) for text in row["texts"]]
    return [2 * len(mine & right) / (len(mine) + len(right)) for mine, right in zip(found, gold, strict=True)]


def difference(each, other):
    """The mean difference, with half of its 95% interval: Student's t, in the expansion of Fisher and Cornish."""
    differences = [one - two for one, two in zip(each, other, strict=True)]
    z, freedom = statistics.NormalDist().inv_cdf(0.975), len(differences) - 1
    t = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return f"{statistics.mean(differences):+.3f} ± {t * statistics.stdev(differences) / len(differences) ** 0.5:.3f}"


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
