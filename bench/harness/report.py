"""The measured results as a Markdown table."""
from statistics import median

from harness.cases import PREFILL_TOKENS


def summary(values):
    """Median, smallest and largest."""
    return {"median": median(values), "least": min(values), "most": max(values), "runs": len(values)}


def markdown(results):
    machine = results["machine"]
    lines = [f"{machine['cpu']}, {machine['threads']} threads, {results['date']}; model {results['model']}, adapters of rank 16 on "
             f"all seven projections; {results['rounds']} interleaved rounds. Median tokens per second (least to most).", ""]
    lines += versions(results["systems"])
    lines += ["", "Decode, 64-token prompts:", "", *table(results, "decode", 64), "", "Prefill, 64-token prompts:", "",
              *table(results, "prefill", 64), "", f"Prefill, {PREFILL_TOKENS}-token prompts:", "", *table(results, "prefill", PREFILL_TOKENS)]
    if results["checks"]:
        lines += ["", *checks(results["checks"])]
    return "\n".join(lines) + "\n"


def versions(systems):
    lines = ["| system | precision | versions |", "| --- | --- | --- |"]
    for name, system in systems.items():
        said = ", ".join(f"{part} {version}" for part, version in system["versions"].items())
        lines.append(f"| {name} | {system['precision']} | {'missing: ' + system['missing'] if system['missing'] else said} |")
    return lines


def table(results, phase, prompt_tokens):
    cells, shapes = {}, []
    for entry in results["results"]:
        case = entry["case"]
        if case["prompt_tokens"] != prompt_tokens:
            continue
        shape = (case["rows"], case["adapters"], case["layers"] or results["layers"])
        if shape not in shapes:
            shapes.append(shape)
        cells[shape, entry["system"]] = cell(entry, phase)
    names = [name for name, system in results["systems"].items() if not system["missing"]]
    lines = ["| rows | adapters | layers | " + " | ".join(names) + " |", "| ---: | ---: | ---: |" + " ---: |" * len(names)]
    for rows, adapters, layers in shapes:
        found = [cells.get(((rows, adapters, layers), name), "") for name in names]
        lines.append(f"| {rows} | {adapters or 'none'} | {layers if adapters else ''} | " + " | ".join(found) + " |")
    return lines


def cell(entry, phase):
    if "reason" in entry:
        return "–" if entry["unsupported"] else "failed"
    rate = entry["rates"].get(phase)
    return f"{rate['median']:.0f} ({rate['least']:.0f}–{rate['most']:.0f})" if rate else ""


def checks(found):
    lines = ["Leading tokens of a greedy answer that agree with transformers + PEFT:", "",
             "| system | base model | with the adapter |", "| --- | ---: | ---: |"]
    return lines + [f"| {name} | {check['base']} | {check['adapter']} |" for name, check in found.items()]
