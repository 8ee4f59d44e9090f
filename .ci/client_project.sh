#!/usr/bin/env bash
# Installs the artifacts of this checkout, then compiles and runs a Maven project in an empty folder that depends on
# io.tidemark:tidemark-client and on nothing else: .ci/client_project.sh BROKER ADAPTER
# A service must run at BROKER (HOST:PORT). Fails unless the project prints an answer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
broker=$1 adapter=$2
prompt=$'Restaurant facts: name[The Eagle], eatType[coffee shop], food[English], area[riverside]\nDescription:'

project=$(mktemp -d)
trap 'rm -rf "$project"' EXIT

mvn -q -B -DskipTests install
version=$(sed -n 's:.*<version>\(.*\)</version>.*:\1:p' target/client/pom.xml | head -1)

mkdir -p "$project/src/main/java"
cat >"$project/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>com.example</groupId><artifactId>ten-lines</artifactId><version>1</version>
  <properties>
    <maven.compiler.release>17</maven.compiler.release>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencies>
    <dependency><groupId>io.tidemark</groupId><artifactId>tidemark-client</artifactId><version>$version</version></dependency>
  </dependencies>
  <build>
    <plugins>
      <plugin><artifactId>maven-compiler-plugin</artifactId><version>3.15.0</version></plugin>
      <plugin>
        <artifactId>maven-dependency-plugin</artifactId><version>3.9.0</version>
        <executions><execution><phase>package</phase><goals><goal>copy-dependencies</goal></goals></execution></executions>
      </plugin>
    </plugins>
  </build>
</project>
POM
# the first sample of docs/client.md
awk '/^```java$/ {on = 1; next} /^```$/ {if (on) exit} on' docs/client.md >"$project/src/main/java/TenLines.java"
cat "$project/src/main/java/TenLines.java"

cd "$project"
mvn -q -B package
ls target/dependency
if ls target/dependency | grep -vE '^(tidemark-client|kafka-clients|jackson-|lz4-java|snappy-java|zstd-jni|slf4j-api)'; then
  echo "tidemark-client has dependencies other than kafka-clients and Jackson"
  exit 1
fi
java -cp 'target/classes:target/dependency/*' TenLines "$broker" "$adapter" "$prompt" 2>errors.log | tee output.log
if ! grep -q 'tokens:' output.log; then
  cat errors.log
  echo "the project printed no answer"
  exit 1
fi
