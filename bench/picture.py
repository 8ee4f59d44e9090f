"""Plots tokens per second against rows from the JSON of bench/run, one line per system: python picture.py RESULTS.json OUT.svg"""
import json
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

PANELS = (("base model", 0), ("one adapter for all rows", 1), ("four adapters mixed", 4))


def main():
    with open(sys.argv[1]) as file:
        results = json.load(file)
    matplotlib.rcParams["svg.hashsalt"] = "tidemark"  # the same results give the same file
    figure, axes = plt.subplots(1, len(PANELS), figsize=(12, 4.2), sharey=True)
    for panel, (title, adapters) in zip(axes, PANELS):
        draw(panel, title, adapters, results)
    axes[0].set_ylim(bottom=0)  # for all axes, which share their limits, after all lines are drawn
    axes[0].set_ylabel("decode tokens per second")
    axes[0].legend(fontsize=8, loc="upper left")
    machine = results["machine"]
    figure.suptitle(f"{results['model']}, {machine['cpu']}, {machine['threads']} threads", fontsize=10)
    figure.tight_layout()
    figure.savefig(sys.argv[2], metadata={"Date": None})


def draw(panel, title, adapters, results):
    for number, name in enumerate(results["systems"]):
        points = sorted(
            (entry["case"]["rows"], entry["rates"]["decode"]) for entry in results["results"]
            if entry["system"] == name and "decode" in entry.get("rates", {}) and entry["case"]["layers"] is None
            and entry["case"]["prompt_tokens"] == 64 and entry["case"]["adapters"] == adapters)
        if points:
            rows, rates = zip(*points)
            medians = [rate["median"] for rate in rates]
            spread = [[rate["median"] - rate["least"] for rate in rates], [rate["most"] - rate["median"] for rate in rates]]
            style = "-" if name.startswith("Tidemark") else "--"
            panel.errorbar(rows, medians, yerr=spread, marker="o", capsize=3, linestyle=style, color=f"C{number}", label=name)
    panel.set_title(title, fontsize=10)
    panel.set_xscale("log", base=2)
    panel.set_xticks([1, 8, 32], ["1", "8", "32"])
    panel.set_xlabel("rows")
    panel.set_xlim(0.8, 40)
    panel.grid(alpha=0.3)


main()
