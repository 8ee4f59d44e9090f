"""Figures and a Markdown table from the samples of bench/shared_cores."""
from statistics import median, quantiles

from harness.report import summary


def table(samples):
    """One entry per situation, cell and variant. Ratios are of samples of the same round."""
    found = {}
    for sample in samples:  # in the order of rounds
        found.setdefault((sample["situation"], sample["cell"], sample["variant"]), []).append(sample)
    reference = samples[0]["variant"]
    return [entry(key, own, found.get(("quiet", *key[1:])), found[(*key[:2], reference)]) for key, own in sorted_cases(found)]


def sorted_cases(found):
    """In the order in which situations, cells and variants were first measured."""
    orders = [list(dict.fromkeys(key[place] for key in found)) for place in range(3)]
    return sorted(found.items(), key=lambda case: [order.index(word) for order, word in zip(orders, case[0])])


def entry(key, own, quiet, reference):
    situation, cell, variant = key
    made = {"situation": situation, "cell": cell, "variant": variant,
            "tokens_per_second": summary([sample["tokens_per_second"] for sample in own]),
            "to_own_quiet": ratio(own, quiet) if quiet and situation != "quiet" else None,
            "to_reference": ratio(own, reference) if own is not reference else None,
            "latency": spread([value for sample in own for value in sample["latencies"]]),
            "per_token": spread([value for sample in own for value in sample["per_token"]]),
            "cores": {name: median(sample["cores"][name] for sample in own) for name in own[0]["cores"]}}
    if "batches_swept" in own[0]:
        made["batches_swept"] = summary([sample["batches_swept"] for sample in own])
    return made


def ratio(own, others):
    return summary([mine["tokens_per_second"] / other["tokens_per_second"] for mine, other in zip(own, others)])


def spread(values):
    """Median and 95th percentile."""
    if len(values) < 2:
        return {"median": values[0], "p95": values[0]} if values else None
    return {"median": median(values), "p95": quantiles(values, n=20, method="inclusive")[-1]}


def markdown(results):
    machine, options = results["machine"], results["options"]
    lines = [f"{machine['cpu']}, {machine['cores']} cores, {results['date']}; model {results['model']}; "
             f"{options['adapters_used'] or 'no'} adapters; prompts of about {options['prompt_tokens']} tokens, {options['new_tokens']} new tokens "
             f"where a cell does not name them; "
             f"{options['rounds']} interleaved rounds, windows of {options['seconds']:g} s. Median (least–most).", "",
             *variants(results["variants"]), "",
             "| situation | cell | variant | tokens/s | to own quiet | to the reference | latency s, median / p95 | ms per token, median / p95 "
             "| workers' cores | other cores | host's steal | batches swept |", "| --- | --- | --- |" + " ---: |" * 9]
    return "\n".join(lines + [row(entry) for entry in results["table"]]) + "\n"


def variants(found):
    lines = ["| variant | worker processes | compute type | settings |", "| --- | ---: | --- | --- |"]
    for number, variant in enumerate(found):
        settings = ", ".join(f"`{name}={value}`" for name, value in variant["env"].items()) or "defaults"
        lines.append(f"| {variant['name']}{' (reference)' if number == 0 else ''} | {variant['workers']} | {variant['compute_type']} | {settings} |")
    return lines


def row(entry):
    cells = [entry["situation"], entry["cell"], entry["variant"], figure(entry["tokens_per_second"], 1), figure(entry["to_own_quiet"], 3),
             figure(entry["to_reference"], 3), both(entry["latency"], 1, 2), both(entry["per_token"], 1000, 1),
             *(f"{entry['cores'][name]:.2f}" for name in ("workers", "others", "steal")), figure(entry.get("batches_swept"), 2)]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def figure(values, digits):
    return f"{values['median']:.{digits}f} ({values['least']:.{digits}f}–{values['most']:.{digits}f})" if values else ""


def both(values, factor, digits):
    return f"{values['median'] * factor:.{digits}f} / {values['p95'] * factor:.{digits}f}" if values else ""
