#!/usr/bin/env bash
# Copies examples/java-client and the first sample of docs/client.md to an empty folder, and compiles and runs the
# programs there: .ci/client_project.sh BROKER ADAPTER
# Needs the artifacts of `mvn install`, and a service at BROKER (HOST:PORT). Fails unless the programs print answers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
broker=$1 adapter=$2
prompt=$'Restaurant facts: name[The Eagle], eatType[coffee shop], food[English], area[riverside]\nDescription:'

project=$(mktemp -d)
trap 'rm -rf "$project"' EXIT
example=examples/java-client

fail() { printf 'client_project: %s\n' "$*" >&2; exit 1; }

mkdir "$project/examples"
cp -r "$example" "$project/examples"
# the first sample of the page
awk '/^```java$/ {on = 1; next} /^```$/ {if (on) exit} on' docs/client.md >"$project/$example/src/main/java/TenLines.java"
cat "$project/$example/src/main/java/TenLines.java"

cd "$project"
mvn -q -B -f "$example/pom.xml" compile org.apache.maven.plugins:maven-dependency-plugin:3.9.0:copy-dependencies
ls "$example/target/dependency"
if ls "$example/target/dependency" | grep -vE '^(tidemark-client|kafka-clients|jackson-|jsonschema-|classmate-|lz4-java|snappy-java|zstd-jni|slf4j-)'; then
  fail "tidemark-client has dependencies other than kafka-clients, Jackson and jsonschema-generator"
fi
java -cp "$example/target/classes:$example/target/dependency/*" TenLines "$broker" "$adapter" "$prompt" | tee output.log
grep -q 'tokens:' output.log || fail "the sample printed no answer"

# the commands of the example
grep 'exec:java' "$example/README.md" | sed "s/localhost:9092 describe/$broker $adapter/" >commands.sh
[[ $(wc -l <commands.sh) == 3 ]] || fail "$example/README.md has no 3 commands"
bash -euo pipefail -x commands.sh | tee output.log
grep -q 'refused: unknown_adapter' output.log || fail "the examples printed no refusal"
grep -q 'of 400 tokens' output.log || fail "the examples printed no cancelled request"
