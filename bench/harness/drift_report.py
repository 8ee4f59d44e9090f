"""What a drift run must show, and its table."""
from harness.process import Failed


def verify(run):
    """Checks the order of the boundaries and what the results carry. Raises Failed, and returns the changes.

    A change is a boundary record, with the time until the first request that carries it, and of how many results do.
    """
    boundaries, results = run["boundaries"], run["results"]
    layers = results[0]["layers"]
    verify_order(boundaries, layers)
    for result in results:
        verify_result(result, boundaries, layers, run["refresh"])
    changes = []
    for number, record in enumerate(boundaries):
        carried = [result for result in results if result["offset"] == record["offset"]]
        due = [result for result in results if result["sent"] > record["seen"] + run["refresh"]]
        if not due or min(due, key=lambda result: result["sent"])["offset"] != record["offset"]:
            raise Failed(f"the first request {run['refresh']} s after boundary record {number + 1} does not carry it")
        changes.append(record | {"carried": len(carried), "until_carried": min(result["sent"] for result in carried) - record["written"],
                                 "decision": decision_of(record, run["decisions"])})
    return changes


def verify_order(boundaries, layers):
    """A move below full LoRA, perhaps further ones, a withdrawal with reason alarm, and another move."""
    told = [(record["reason"], record["boundary"]) for record in boundaries]
    alarms = [number for number, (reason, _) in enumerate(told) if reason == "alarm"]
    if len(alarms) != 1 or not 0 < alarms[0] < len(told) - 1:
        raise Failed(f"the boundary did not move, was withdrawn and moved again: {told}")
    for number, (reason, boundary) in enumerate(told):
        expected = (boundary == layers) if number in alarms else (reason == "preferred" and boundary < layers)
        if not expected:
            raise Failed(f"boundary record {number + 1} is wrong: {told}")


def verify_result(result, boundaries, layers, refresh):
    """A result carries a record, or full LoRA before the first one, that was in force between its request and itself."""
    number = next((number for number, record in enumerate(boundaries) if record["offset"] == result["offset"]), None)
    if result["offset"] is not None and number is None:
        raise Failed(f"result {result['id']} names boundary record {result['offset']}, which is not there")
    expected = layers if number is None else boundaries[number]["boundary"]
    if result["boundary"] != expected:
        raise Failed(f"result {result['id']} has boundary {result['boundary']}, and its boundary record {expected}")
    if number is not None and boundaries[number]["written"] > result["received"]:
        raise Failed(f"result {result['id']} carries a boundary that was written after it")
    after = boundaries[0 if number is None else number + 1:]
    if after and result["sent"] > after[0]["seen"] + refresh:
        raise Failed(f"result {result['id']} carries boundary {expected}, which had been replaced {refresh} s before its request")


def decision_of(record, decisions):
    """The published decision behind a boundary record."""
    told = record["reason"], record["boundary"]
    found = [each for each in decisions if each["published"] and (each["reason"], each["boundary"]) == told
             and abs(each["written"] - record["written"]) < 1]
    if len(found) != 1:
        raise Failed(f"boundary record {record['offset']} has {len(found)} decisions")
    return found[0]


def table(run, changes):
    """A Markdown table with a row for each change."""
    lines = ["| boundary | after | minutes | examples of the epoch | ln E, threshold | difference to full LoRA | watch | results | "
             "carried after |",
             "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    since = 0.0
    for change in changes:
        decision = change["decision"]
        counted = [batch for batch in run["batches"] if since < batch["counted"] <= change["seen"] + 1]
        sent = [sum(batch["examples"] for batch in counted if batch["kind"] == kind) for kind in range(len(run["kinds"]))]
        examples = ", ".join(f"{count} {kind}" for count, kind in zip(sent, run["kinds"]) if count)
        moved = change["reason"] == "preferred"
        tested = next(each for each in decision["boundaries"] if each["boundary"] == (change["boundary"] if moved else decision["before"]))
        log_e = f"{tested['log_e']:.2f}, {decision['certification']['threshold']:.2f}" if moved else "-"
        watch = "-" if moved else f"{decision['watch']['value']:,.0f}"
        lines.append(f"| {decision['before']} → {change['boundary']}, `{change['reason']}` | {examples} | {change['seen'] / 60:.1f} | "
                     f"{decision['epoch']['examples']} | {log_e} | {tested['difference']:+.3f} ± {tested['interval']:.3f} | {watch} | "
                     f"{change['carried']} | {change['until_carried']:.1f} s |")
        since = change["seen"] + 1
    return "\n".join(lines)
