"""Draws the boundary and the watch over time from the JSON of bench/drift: python drift_picture.py RUN.json OUT.svg"""
import json
import sys
from itertools import groupby

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

from harness.drift_report import decision_of  # noqa: E402

SHADES = ("#dbeafe", "#fde8d0")
LEAST_WATCH = 0.5  # smaller values are drawn here
REASONS = {"preferred": "move", "alarm": "withdrawal"}


def main():
    with open(sys.argv[1]) as file:
        run = json.load(file)
    matplotlib.rcParams["svg.hashsalt"] = "tidemark"  # the same run gives the same file
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 6), sharex=True, height_ratios=(3, 2))
    shade(above, run, named=True)
    shade(below, run, named=False)
    draw_boundary(above, run)
    draw_watch(below, run)
    below.set_xlabel("minutes")
    below.set_xlim(0, run["seconds"] / 60)
    machine = run["machine"]
    figure.suptitle(f"{run['adapter']} on {run['model']}, {run['compute_type']}, {machine['cpu']}", fontsize=10)
    lines, names = (above_entries + below_entries for above_entries, below_entries in
                    zip(above.get_legend_handles_labels(), below.get_legend_handles_labels()))
    figure.legend(lines, names, fontsize=8, loc="lower center", ncol=3)
    figure.tight_layout(rect=(0, 0.1, 1, 1))
    figure.savefig(sys.argv[2], metadata={"Date": None})


def shade(panel, run, named):
    """A span for the batches of one kind, from the first one until the first one of the next kind."""
    phases = [(kind, list(batches)) for kind, batches in groupby(run["batches"], key=lambda batch: batch["kind"])]
    begins = [batches[0]["sent"] / 60 for _, batches in phases]
    for number, ((kind, batches), begin, end) in enumerate(zip(phases, begins, [*begins[1:], run["seconds"] / 60])):
        label = f"batches: {run['kinds'][kind]}" if named and number < len(run["kinds"]) else None
        panel.axvspan(begin, end, color=SHADES[kind], linewidth=0, label=label)
        panel.plot([batch["counted"] / 60 for batch in batches], [0.02] * len(batches), "|", color="gray", markersize=6,
                   transform=panel.get_xaxis_transform(), label="batch counted" if named and number == len(phases) - 1 else None)


def draw_boundary(panel, run):
    layers = run["results"][0]["layers"]
    times, values = [0.0], [layers]
    for record in run["boundaries"]:
        times.append(record["written"] / 60)
        values.append(record["boundary"])
        lower, late = record["boundary"] < layers, record["written"] > 0.85 * run["seconds"]
        panel.annotate(f"{REASONS[record['reason']]} to {record['boundary']}", (times[-1], values[-1]),
                       (-4 if late else 4, -13 if lower else 6), textcoords="offset points", ha="right" if late else "left", fontsize=8)
    panel.step([*times, run["seconds"] / 60], [*values, values[-1]], where="post", color="C0", alpha=0.5, linewidth=4,
               label="boundary in force, by records")
    panel.plot([result["sent"] / 60 for result in run["results"]], [result["boundary"] for result in run["results"]], "o",
               color="C3", markersize=1.8, markeredgewidth=0, linestyle="", label="boundary of a result, at the time of its request")
    panel.set_ylabel("boundary (layers with LoRA)")
    panel.set_ylim(0, layers * 1.12)
    panel.grid(alpha=0.3)


def draw_watch(panel, run):
    """The watch of each move after each batch, from the states, and the value of the decision that ends it."""
    threshold = run["decisions"][0]["watch"]["threshold"]
    following = [*((record["written"], decision_of(record, run["decisions"])["watch"]["value"]) for record in run["boundaries"][1:]),
                 (run["seconds"], None)]
    for number, (record, (end, last)) in enumerate(zip(run["boundaries"], following)):
        if record["reason"] == "alarm":
            continue
        points = [(each["time"], each["value"]) for each in run["watch"] if record["written"] <= each["time"] < end]
        points += [] if last is None else [(end, last)]
        panel.plot([time / 60 for time, _ in points], [max(value, LEAST_WATCH) for _, value in points], "o-", color="C2", markersize=3,
                   label=None if number else "watch of the boundary in force")
    panel.axhline(threshold, color="C2", linestyle="--", linewidth=1, label="watch that withdraws the boundary")
    panel.set_yscale("log")
    panel.set_ylim(LEAST_WATCH, 10 * max(threshold, *(each["watch"]["value"] for each in run["decisions"])))
    panel.set_ylabel("watch")
    panel.grid(alpha=0.3)


main()
