"""Checks the output of `tidemark demo --json`: python3 check_demo.py FILE"""
import json
import re
import sys

FORMATS = ["pub|restaurant|coffee shop",
           r" name\[[A-Za-z ]{1,30}\], eatType\[(pub|restaurant|coffee shop)\], familyFriendly\[(yes|no)\]"]


def check(holds, what):
    if not holds:
        sys.exit(f"demo --json: {what}")


def main():
    text = open(sys.argv[1], encoding="utf-8").read()
    report = json.loads(text)   # one object and nothing else
    check(set(report) == {"requests", "formats", "calibrations", "published", "broker", "topics"}, f"top-level fields are {sorted(report)}")
    rounds = {r: {} for r in (1, 2)}
    for request in report["requests"]:
        check_request(request)
        rounds[request["round"]].setdefault(request["adapter"], []).append(request)
    check(len(rounds[1]) >= 2, "round 1 has fewer than two adapters")
    check({a: len(r) for a, r in rounds[1].items()} == {a: len(r) for a, r in rounds[2].items()}, "the rounds differ in their requests")
    for request, expression in zip(report["formats"], FORMATS, strict=True):
        check_request(request)
        check(request["round"] == 3 and re.fullmatch(expression, request["text"]), f"{request['id']} is {request['text']!r}")
    for calibration in report["calibrations"]:
        check_calibration(calibration, rounds)
    check({c["adapter"] for c in report["calibrations"]} == set(rounds[1]), "an adapter was not calibrated")
    check(any(c["boundary_after"] < c["boundary_before"] for c in report["calibrations"]), "no boundary moved to fewer layers")
    check(any(c["boundary_after"] == c["boundary_before"] for c in report["calibrations"]), "each boundary moved")
    check_published(report["published"], report["calibrations"])
    topics = {"generation-requests", "generation-results", "adapter-boundaries", "boundary-decisions", "adapters", "worker-state"}
    check(topics <= set(report["topics"]), "topics are missing")
    check(":" in report["broker"], "the broker's address is missing")
    print(f"{len(report['requests'])} requests, {len(report['calibrations'])} calibrations:",
          ", ".join(f"{c['adapter']} {c['boundary_before']} -> {c['boundary_after']}" for c in report["calibrations"]))


def check_request(request):
    fields = {"id", "adapter", "round", "boundary", "num_layers", "text", "completion_tokens", "seconds", "tokens_per_second"}
    check(set(request) == fields, f"a request's fields are {sorted(request)}")
    check(request["text"].strip(), f"request {request['id']} has no text")
    check(0 <= request["boundary"] <= request["num_layers"], f"request {request['id']} has boundary {request['boundary']}")
    check(request["completion_tokens"] > 0 and request["tokens_per_second"] > 0, f"request {request['id']} has no tokens")
    check(request["seconds"] > 0, f"request {request['id']} took no time")


def check_calibration(calibration, rounds):
    fields = {"adapter", "samples", "boundary_before", "boundary_after", "objective", "num_layers", "seconds", "decisions"}
    check(set(calibration) == fields, f"a calibration's fields are {sorted(calibration)}")
    name = calibration["adapter"]
    check(calibration["samples"] > 0 and calibration["seconds"] > 0, f"{name}: no samples or no time")
    check_decisions(calibration, name)
    for r, boundary in ((1, "boundary_before"), (2, "boundary_after")):
        check(all(q["boundary"] == calibration[boundary] for q in rounds[r][name]), f"{name}: round {r} did not use {boundary}")


def check_published(published, calibrations):
    check(set(published) == {"name", "source", "digest", "offset", "seconds"}, f"the fields of 'published' are {sorted(published)}")
    name, digests = published["name"], {c["adapter"]: c["decisions"][-1]["version"]["adapter_digest"] for c in calibrations}
    check(name not in digests, f"{name} was there before its record")
    check(published["digest"] == digests.get(published["source"].removeprefix("file:")), f"{name} is not {published['source']}")
    check(published["offset"] == 0, f"{name} has the record {published['offset']}, not the first one")
    check(0 < published["seconds"] < 60, f"the first result of {name} came {published['seconds']} s after its record")


def check_decisions(calibration, name):
    decisions, boundary, examples = calibration["decisions"], calibration["boundary_before"], 0
    check(decisions, f"{name}: no decision")
    for decision in decisions:
        counted = decision["epoch"]["examples"]
        after = f"{name}: the decision after {counted} examples"
        check(decision["before"] == boundary, f"{after} begins at {decision['before']}, not {boundary}")
        check(counted > examples, f"{after} does not count more examples than the one before")
        check(decision["evidence"]["topic"] == "validation-batches", f"{after} names no batch")
        check_evidence(decision, after)
        boundary, examples = decision["boundary"], counted
    check(boundary == calibration["boundary_after"], f"{name}: the last decision has boundary {boundary}")
    check(examples == calibration["samples"], f"{name}: the last decision counts {examples} of {calibration['samples']} examples")


def check_evidence(decision, after):
    rows = decision["boundaries"]
    dropped = [row["boundary"] for row in decision["dropped"]]
    tested = sorted([row["boundary"] for row in rows] + dropped)
    check(tested == list(range(decision["version"]["num_layers"] + 1)), f"{after} neither tests nor drops some boundaries")
    check(not dropped or decision["epoch"]["examples"] > 32, f"{after} drops boundaries too early")
    check(all(row["mean"] < 0 for row in rows), f"{after} has a log-likelihood that is not negative")
    for row in rows[:-1]:
        certified = row["log_e"] >= decision["certification"]["threshold"]
        check(row["certified"] == certified, f"{after} contradicts ln E of boundary {row['boundary']}")
        check(row["interval"] > 0, f"{after} has no interval for boundary {row['boundary']}")
    if decision["boundary"] != decision["before"]:
        check(any(row["boundary"] == decision["boundary"] and row["certified"] for row in rows), f"{after} moves to a boundary that is not certified")
        check(decision["epoch"]["examples"] >= 32 and decision["epoch"]["batches"] >= 4, f"{after} moves too early")


if __name__ == "__main__":
    main()
