#!/bin/sh
# Copies the files of a model from object storage and compares their digests.
#
#     copy-models.sh SHA256SUMS SOURCE TARGET
#
# Only files that SHA256SUMS lists are copied, so no file of TARGET is without a digest. If a digest differs, all files
# are removed and the exit code is 1, so that the next attempt copies them again.
set -eu
sums=$1
source=$2
target=$3

# a digest, two blanks or a blank and an asterisk, and a path below the source
line='^[0-9a-f]{64} [ *][^/]'
if [ ! -s "$sums" ] || grep -Evq "$line" "$sums" || grep -Eq '(^| |\*|/)\.\.(/|$)' "$sums"; then
  echo "$sums must list digests and relative paths, as sha256sum prints them" >&2
  exit 1
fi

list=$(mktemp)
cut -c 67- "$sums" >"$list"
rclone copy --files-from-raw "$list" --stats 30s --stats-one-line --stats-log-level NOTICE "$source" "$target"
rm "$list"

cd "$target"
if ! sha256sum -c "$sums"; then
  echo "the files of $source are not those of $sums" >&2
  cut -c 67- "$sums" | while IFS= read -r file; do rm -f "$file"; done
  exit 1
fi
# an adapter folder must exist, also without adapters
mkdir -p adapters
