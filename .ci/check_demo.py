"""Checks the output of `tidemark demo --json`: python3 check_demo.py FILE"""
import json
import sys


def check(holds, what):
    if not holds:
        sys.exit(f"demo --json: {what}")


def main():
    text = open(sys.argv[1], encoding="utf-8").read()
    report = json.loads(text)   # one object and nothing else
    check(set(report) == {"requests", "calibrations", "broker", "topics"}, f"top-level fields are {sorted(report)}")
    rounds = {r: {} for r in (1, 2)}
    for request in report["requests"]:
        check_request(request)
        rounds[request["round"]].setdefault(request["adapter"], []).append(request)
    check(len(rounds[1]) >= 2, "round 1 has fewer than two adapters")
    check({a: len(r) for a, r in rounds[1].items()} == {a: len(r) for a, r in rounds[2].items()}, "the rounds differ in their requests")
    for calibration in report["calibrations"]:
        check_calibration(calibration, rounds)
    check({c["adapter"] for c in report["calibrations"]} == set(rounds[1]), "an adapter was not calibrated")
    check({"generation-requests", "generation-results", "adapter-boundaries"} <= set(report["topics"]), "topics are missing")
    check(":" in report["broker"], "the broker's address is missing")
    print(f"{len(report['requests'])} requests, {len(report['calibrations'])} calibrations:",
          ", ".join(f"{c['adapter']} {c['boundary_before']} -> {c['boundary_after']}" for c in report["calibrations"]))


def check_request(request):
    fields = {"id", "adapter", "round", "boundary", "num_layers", "text", "completion_tokens", "seconds", "tokens_per_second"}
    check(set(request) == fields, f"a request's fields are {sorted(request)}")
    check(request["text"].strip(), f"request {request['id']} has no text")
    check(0 <= request["boundary"] <= request["num_layers"], f"request {request['id']} has boundary {request['boundary']}")
    check(request["completion_tokens"] > 0 and request["tokens_per_second"] > 0, f"request {request['id']} has no tokens")


def check_calibration(calibration, rounds):
    fields = {"adapter", "samples", "boundary_before", "boundary_after", "objective", "curve", "num_layers", "seconds"}
    check(set(calibration) == fields, f"a calibration's fields are {sorted(calibration)}")
    name = calibration["adapter"]
    check(len(calibration["curve"]) == calibration["num_layers"] + 1, f"{name}: the curve has {len(calibration['curve'])} values")
    check(all(value < 0 for value in calibration["curve"]), f"{name}: a log-likelihood is not negative")
    check(calibration["samples"] > 0 and calibration["seconds"] > 0, f"{name}: no samples or no time")
    for r, boundary in ((1, "boundary_before"), (2, "boundary_after")):
        check(all(q["boundary"] == calibration[boundary] for q in rounds[r][name]), f"{name}: round {r} did not use {boundary}")


if __name__ == "__main__":
    main()
