#!/bin/sh
# Runs the evaluations of docs/results.md: tools/results.sh SMOLLM2 ADAPTERS DATA OUT [NAME ...]
# SMOLLM2 is the base model's folder, ADAPTERS holds lora-e2e and lora-gsm, DATA e2e-*.jsonl and gsm-*.jsonl.
# Writes a Markdown table and plots to OUT for each adapter, or for the named ones: lora-e2e, lora-gsm, describe,
# describe-small-data, extract. Environment: numbers of examples VALIDATION, TEST, TEXTS, CURVE; speed runs
# SPEED; factors SCALES.
set -eu
model=$1 adapters=$2 data=$3 out=$4
shift 4
validation=${VALIDATION:-40} test=${TEST:-100} texts=${TEXTS:-50} curve=${CURVE:-$validation} speed=${SPEED:-3} scales=${SCALES:-0.25,0.5,0.75}
root=$(dirname "$0")/..
tidemark=$root/bin/tidemark
demo=$root/demo
mkdir -p "$out"

evaluate() {   # name, model, adapter, validation file, test file, further options
    name=$1 base=$2 adapter=$3 chosen_on=$4 judged_on=$5
    shift 5
    "$tidemark" evaluate --model "$base" --adapter "$adapter" --validation "$chosen_on" --validation-examples "$validation" \
        --data "$judged_on" --examples "$test" --generate "$texts" --scale "$scales" --speed-runs "$speed" --pictures "$out" \
        --markdown "$@" > "$out/$name.md"
    for measure in probability log_probability; do
        "$tidemark" curve --model "$base" --adapter "$adapter" --data "$chosen_on" --examples "$curve" --measure "$measure" \
            --compute-type fp32 --pictures "$out" > "$out/$name-$measure.txt"
    done
}

[ $# -gt 0 ] || set -- lora-e2e lora-gsm describe describe-small-data extract
for each; do
    case $each in
    lora-e2e)
        evaluate "$each" "$model" "$adapters/$each" "$data/e2e-validation.jsonl" "$data/e2e-test.jsonl" --max-tokens 64 --stop '\n' \
            --boundary 10 --compute-type int8 ;;
    lora-gsm)
        evaluate "$each" "$model" "$adapters/$each" "$data/gsm-validation.jsonl" "$data/gsm-test.jsonl" --max-tokens 200 --rows 32 \
            --compute-type int8 ;;
    describe | describe-small-data)
        evaluate "$each" "$demo/model" "$demo/adapters/$each" "$demo/data/describe-validation.jsonl" "$data/e2e-test.jsonl" \
            --max-tokens 64 --compute-type fp32 ;;
    extract)
        evaluate "$each" "$demo/model" "$demo/adapters/$each" "$demo/data/extract-validation.jsonl" "$demo/data/extract-requests.jsonl" \
            --max-tokens 64 --compute-type fp32 ;;
    *) echo "unknown adapter: $each" >&2 && exit 2 ;;
    esac
done
