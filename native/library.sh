# What the builds of the libraries share. A build sets `native` to this folder and `check` to --check or nothing, and
# `resources` and `glibc` if they differ, then sources this file.
target_folder=$(realpath -m "${CARGO_TARGET_DIR:-$native/target}")
resources=${resources:-$native/../src/main/resources/native/linux-x86_64}
glibc=${glibc:-2.28}

# puts the Python packages of requirements.txt, among them zig, on the path
use_tools() {
  local tools=$target_folder/tools
  if ! [ -x "$tools/bin/cargo-zigbuild" ] || ! cmp -s "$native/requirements.txt" "$tools/requirements.txt"; then
    rm -rf "$tools"
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: -r "$native/requirements.txt"
    cp "$native/requirements.txt" "$tools"
  fi
  export PATH=$tools/bin:$PATH
}

# publish LIBRARY [LICENCES]: replaces the resources of a library by these files and its digest, or compares
publish() {
  local name staged newest file
  name=$(basename "$1")
  # symbols of a newer glibc would fail when the library is loaded on an older system
  newest=$(grep -aoE 'GLIBC_[0-9]+\.[0-9]+' "$1" | sort -uV | tail -1)
  if [ "$(printf '%s\n' "GLIBC_$glibc" "$newest" | sort -V | tail -1)" != "GLIBC_$glibc" ]; then
    echo "$name needs $newest, not GLIBC_$glibc" >&2
    return 1
  fi
  staged=$target_folder/resources/$name
  rm -rf "$staged" && mkdir -p "$staged" "$resources"
  cp "$1" "$staged/$name"
  chmod 644 "$staged/$name"
  (cd "$staged" && sha256sum "$name" >"$name.sha256")
  [ $# = 1 ] || cp "$2" "$staged/$name.licences.txt"
  for file in "$staged"/*; do
    if [ -z "$check" ]; then
      cp "$file" "$resources/"
    elif ! cmp "$file" "$resources/$(basename "$file")"; then
      echo "the resource $(basename "$file") is not what its source builds" >&2
      return 1
    fi
  done
  cat "$staged/$name.sha256"
}
