#!/usr/bin/env python3
"""Prints the results of kit.py as Markdown tables.

    python page.py results > tables.md
"""
import json
import pathlib
import sys

ORDER = ("check", "check-bf16", "kernels", "attention", "graphs", "lora", "verify", "bench")


def cell(value):
    if value is None:
        return ""
    if isinstance(value, float):
        if value == 0:
            return "0"
        return f"{value:.1e}" if abs(value) < 1e-3 else f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return str(value)


def table(figures):
    """Figures are objects with the same names in different numbers: a name that one of them has is a column."""
    columns = list(dict.fromkeys(name for figure in figures for name in figure))
    numbers = {name for name in columns if all(isinstance(f.get(name), (int, float, type(None))) for f in figures)}
    lines = ["| " + " | ".join(columns) + " |",
             "| " + " | ".join("---:" if name in numbers else "---" for name in columns) + " |"]
    lines += ["| " + " | ".join(cell(figure.get(name)) for name in columns) + " |" for figure in figures]
    return "\n".join(lines)


def section(result):
    where = f"{result['device']}, torch {result['torch']}, CUDA {result['cuda']}, {result['date']}"
    lines = [f"### {result['name']}", f"`{result['command']}` on {where}: {result['outcome']}.", ""]
    return "\n".join(lines + ([table(result["figures"]), ""] if result["figures"] else []))


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "results")
    results = [json.loads((folder / f"{name}.json").read_text()) for name in ORDER if (folder / f"{name}.json").exists()]
    if not results:
        sys.exit(f"page: {folder} has no results")
    print("\n".join(section(result) for result in results))


if __name__ == "__main__":
    main()
