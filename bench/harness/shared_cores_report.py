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
    if own[0]["formats"]:
        made["formats"] = formats(own)
    if "batches_swept" in own[0]:
        made["batches_swept"] = summary([sample["batches_swept"] for sample in own])
    return made


def formats(own):
    """Figures of the answers with a format; each is a summary over the samples, or None where there was no such event."""
    found = [sample["formats"] for sample in own]
    return {"new_tokens": known(sample["new_tokens"] for sample in own),
            "mask_seconds": known(each["masks"]["mean"] for each in found),
            "token_seconds": known(each["tokens"]["mean"] for each in found),
            "mask_share": known(each["masks"]["mean"] / each["tokens"]["mean"] for each in found
                                if each["masks"]["mean"] is not None and each["tokens"]["mean"]),
            "compile_seconds": known(each["compilations"]["mean"] for each in found),
            "compilations": sum(each["compilations"]["count"] for each in found), "waits": sum(each["waits"] for each in found)}


def known(values):
    values = [value for value in values if value is not None]
    return summary(values) if values else None


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
             f"where neither a cell nor a variant names them; "
             f"{options['rounds']} interleaved rounds, {options['rounds_per_start']} with the same processes, windows of at least {options['seconds']:g} s. Median (least–most).", "",
             *variants(results["variants"]), "",
             "| situation | cell | variant | tokens/s | to own quiet | to the reference | latency s, median / p95 | ms per token, median / p95 "
             "| workers' cores | other cores | host's steal | batches swept |", "| --- | --- | --- |" + " ---: |" * 9]
    return "\n".join(lines + [row(entry) for entry in results["table"]] + format_table(results["table"])) + "\n"


def format_table(entries):
    constrained = [entry for entry in entries if "formats" in entry]
    if not constrained:
        return []
    lines = ["", "Answers with a format. The share is the time for the masks of a step, divided by the time between two tokens.", "",
             "| situation | cell | variant | new tokens per answer | ms for the masks of a step | ms between tokens | share of masks "
             "| compiled formats | ms per compilation | waits for a mask |", "| --- | --- | --- |" + " ---: |" * 7]
    for entry in constrained:
        found = entry["formats"]
        cells = [entry["situation"], entry["cell"], entry["variant"], figure(found["new_tokens"], 1), figure(found["mask_seconds"], 2, 1000),
                 figure(found["token_seconds"], 1, 1000), figure(found["mask_share"], 3), f"{found['compilations']:.0f}",
                 figure(found["compile_seconds"], 1, 1000), f"{found['waits']:.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def variants(found):
    lines = ["| variant | worker processes | compute type | answers | settings |", "| --- | ---: | --- | --- | --- |"]
    for number, variant in enumerate(found):
        settings = ", ".join(f"`{name}={value}`" for name, value in variant["env"].items()) or "defaults"
        lines.append(f"| {variant['name']}{' (reference)' if number == 0 else ''} | {variant['workers']} | {variant['compute_type']} "
                     f"| {answers(variant['format'])} | {settings} |")
    return lines


def answers(wanted):
    return wanted["name"] + (f", {wanted['renamed']} renamed in each request" if wanted["renamed"] else "") + \
        (f", whole documents of at most {wanted['document_tokens']} tokens" if wanted["document_tokens"] else "") + \
        (", {} to {} new tokens in each answer".format(*wanted["lengths"]) if wanted["lengths"] else "")


def row(entry):
    cells = [entry["situation"], entry["cell"], entry["variant"], figure(entry["tokens_per_second"], 1), figure(entry["to_own_quiet"], 3),
             figure(entry["to_reference"], 3), both(entry["latency"], 1, 2), both(entry["per_token"], 1000, 1),
             *(f"{entry['cores'][name]:.2f}" for name in ("workers", "others", "steal")), figure(entry.get("batches_swept"), 2)]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def figure(values, digits, factor=1):
    if not values:
        return ""
    middle, least, most = (f"{values[name] * factor:.{digits}f}" for name in ("median", "least", "most"))
    return f"{middle} ({least}–{most})"


def both(values, factor, digits):
    return f"{values['median'] * factor:.{digits}f} / {values['p95'] * factor:.{digits}f}" if values else ""
