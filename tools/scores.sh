#!/bin/sh
# Records the scores of the examples of five adapters for `bench/bench calibration --scores`:
# tools/scores.sh SMOLLM2 ADAPTERS DATA OUT.csv.gz
# SMOLLM2 is the base model's folder, ADAPTERS holds lora-e2e and lora-gsm, DATA e2e-*.jsonl and gsm-*.jsonl.
# Environment: number of examples of the adapters of SmolLM2 EXAMPLES, type of the linear modules COMPUTE_TYPE. Takes
# seconds for the adapters of the demo, and half an hour for 400 examples of the two others on two cores; fp32 takes
# twice as long as int8.
set -eu
model=$1 adapters=$2 data=$3 out=$4
examples=${EXAMPLES:-400} type=${COMPUTE_TYPE:-int8}
root=$(dirname "$0")/..
demo=$root/demo
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

scores() {   # name, base model, adapter, number of examples
    "$root/bench/bench" scores --model "$2" --adapter "$1=$3" --data "$work/$1.jsonl" --examples "$4" \
        --compute-type "$type" --out "$work/$1.csv"
}

# no adapter was trained on these examples
{ head -n 64 "$demo/data/describe-validation.jsonl"; cat "$data/e2e-test.jsonl"; } > "$work/describe.jsonl"
cp "$work/describe.jsonl" "$work/describe-small-data.jsonl"
cat "$data/e2e-validation.jsonl" "$data/e2e-test.jsonl" > "$work/lora-e2e.jsonl"
cat "$data/gsm-validation.jsonl" "$data/gsm-test.jsonl" > "$work/lora-gsm.jsonl"
# the descriptions of the test split, with the facts as their completion
{
    head -n 64 "$demo/data/extract-validation.jsonl"
    cat "$demo/data/extract-requests.jsonl"
    python3 - "$data/e2e-test.jsonl" <<'PYTHON'
import json, sys
for line in open(sys.argv[1]):
    example = json.loads(line)
    facts = example["prompt"].split("\n")[0].removeprefix("Restaurant facts:")
    print(json.dumps({"prompt": "Restaurant text:" + example["completion"].rstrip("\n") + "\nFacts:", "completion": facts}))
PYTHON
} > "$work/extract.jsonl"

scores describe "$demo/model" "$demo/adapters/describe" 400
scores describe-small-data "$demo/model" "$demo/adapters/describe-small-data" 400
scores extract "$demo/model" "$demo/adapters/extract" 400
scores lora-gsm "$model" "$adapters/lora-gsm" "$examples"
scores lora-e2e "$model" "$adapters/lora-e2e" "$examples"
cat "$work"/*.csv | gzip -9n > "$out"
