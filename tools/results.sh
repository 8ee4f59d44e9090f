#!/bin/sh
# Runs what docs/results.md shows: tools/results.sh SMOLLM2 ADAPTERS DATA OUT
# SMOLLM2 is the base model's folder, ADAPTERS holds lora-e2e and lora-gsm, DATA e2e-*.jsonl and gsm-*.jsonl.
# OUT gets a Markdown table and the pictures for each adapter. Numbers of examples: VALIDATION, TEST, TEXTS.
set -eu
model=$1 adapters=$2 data=$3 out=$4
validation=${VALIDATION:-40} test=${TEST:-100} texts=${TEXTS:-60}
root=$(dirname "$0")/..
tidemark=$root/bin/tidemark
demo=$root/demo
mkdir -p "$out"

evaluate() {   # name, model, adapter, validation file, test file, further options
    name=$1 base=$2 adapter=$3 chosen_on=$4 judged_on=$5
    shift 5
    "$tidemark" evaluate --model "$base" --adapter "$adapter" --validation "$chosen_on" --validation-examples "$validation" \
        --data "$judged_on" --examples "$test" --generate "$texts" --pictures "$out" --format markdown "$@" > "$out/$name.md"
    "$tidemark" curve --model "$base" --adapter "$adapter" --data "$chosen_on" --examples "$validation" --pictures "$out" \
        > "$out/$name-curve.txt"
    "$tidemark" curve --model "$base" --adapter "$adapter" --data "$chosen_on" --examples "$validation" --measure log_probability \
        --pictures "$out" > "$out/$name-log-curve.txt"
}

for name in describe describe-small-data; do
    evaluate $name "$demo/model" "$demo/adapters/$name" "$demo/data/describe-validation.jsonl" "$data/e2e-test.jsonl" --max-tokens 80
done
evaluate extract "$demo/model" "$demo/adapters/extract" "$demo/data/extract-validation.jsonl" "$demo/data/extract-requests.jsonl" --max-tokens 80
evaluate lora-e2e "$model" "$adapters/lora-e2e" "$data/e2e-validation.jsonl" "$data/e2e-test.jsonl" --compute-type int8 \
    --max-tokens 64 --stop '\n' --boundary 13
evaluate lora-gsm "$model" "$adapters/lora-gsm" "$data/gsm-validation.jsonl" "$data/gsm-test.jsonl" --compute-type int8 --max-tokens 160
