"""The measured results as a Markdown table."""
from statistics import median

FEWER_BITS = ("q4_k_m",)   # precisions that read fewer bytes per weight than int8, so that no ratio is to them


def summary(values):
    """Median, smallest and largest."""
    return {"median": median(values), "least": min(values), "most": max(values), "runs": len(values)}


def markdown(results):
    machine = results["machine"]
    lines = [f"{machine['cpu']}, {machine['threads']} threads, {results['date']}; model {results['model']}, adapters of rank 16 on "
             f"all seven projections; {results['rounds']} interleaved rounds after a warm-up. Median tokens per second (least to most); "
             "without a range: one sample, of a slow case in the warm-up round. Ratio: the first system to the fastest other one with 8 bits or more.", ""]
    lines += versions(results["systems"])
    for phase in ("decode", "prefill"):
        lines += ["", f"{phase.capitalize()}:", "", *table(results, phase)]
    if results["checks"]:
        lines += ["", *checks(results["checks"])]
    return "\n".join(lines) + "\n"


def versions(systems):
    lines = ["| system | precision | versions |", "| --- | --- | --- |"]
    for name, system in systems.items():
        said = ", ".join(f"{part} {version}" for part, version in system["versions"].items())
        lines.append(f"| {name} | {system['precision']} | {'missing: ' + system['missing'] if system['missing'] else said} |")
    return lines


def table(results, phase):
    systems = {name: system for name, system in results["systems"].items() if not system["missing"]}
    cells = {}  # case → system → entry
    for entry in results["results"]:
        if phase == "prefill" or entry["case"]["new_tokens"] > 1:
            cells.setdefault(tuple(entry["case"].values()), {"case": entry["case"]})[entry["system"]] = entry
    lines = ["| rows | adapters | prompt tokens | layers | " + " | ".join(systems) + " | ratio |",
             "| ---: | ---: | ---: | ---: |" + " ---: |" * (len(systems) + 1)]
    for found in cells.values():
        case = found["case"]
        layers = (case["layers"] or results["layers"]) if case["adapters"] else ""
        lines.append(" | ".join([f"| {case['rows']} | {case['adapters'] or 'none'} | {case['prompt_tokens']} | {layers}",
                                 *(cell(found.get(name), phase) for name in systems), ratio(found, systems, phase)]) + " |")
    return lines


def ratio(found, systems, phase):
    """The first system to the fastest other one, which is another build of it only if the run has no other system."""
    medians = {name: found[name]["rates"][phase]["median"] for name, system in systems.items()
               if "rates" in found.get(name, {}) and system["precision"] not in FEWER_BITS}
    first, *others = medians or [None]
    if first != next(iter(systems)) or not others:
        return ""
    foreign = [name for name in others if not systems[name]["build"]] or others
    fastest = max(foreign, key=medians.get)
    return f"{medians[first] / medians[fastest]:.2f} ({fastest})"


def cell(entry, phase):
    if entry is None:
        return ""
    if "reason" in entry:
        return "–" if entry["unsupported"] else "failed"
    rate = entry["rates"][phase]
    return f"{rate['median']:.0f}" + (f" ({rate['least']:.0f}–{rate['most']:.0f})" if rate["runs"] > 1 else "")


def checks(found):
    lines = ["Leading tokens of a greedy answer that agree with transformers + PEFT:", "",
             "| system | base model | with the adapter |", "| --- | ---: | ---: |"]
    return lines + [f"| {name} | {check['base']} | {check['adapter']} |" for name, check in found.items()]
