"""Writes the licences of the crates that are linked into the native library: native/licences.py > FILE"""

import json
import pathlib
import subprocess

TARGET = "x86_64-unknown-linux-gnu"
NAMES = ("license", "licence", "copying", "notice", "unlicense")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=pathlib.Path(__file__).parent).stdout


def linked():
    """Names and versions of the crates, without those that only run during the build."""
    tree = run("cargo", "tree", "--locked", "--edges", "normal,no-proc-macro", "--target", TARGET, "--prefix", "none",
               "--format", "{p}")
    return sorted({tuple(line.split()[:2]) for line in tree.splitlines() if line.strip()})


def texts(folder):
    """The licence files of a crate; of a choice of licences, MIT's."""
    files = sorted(each for each in folder.iterdir() if each.is_file() and each.name.lower().startswith(NAMES))
    return [each for each in files if "mit" in each.name.lower()] or files


def main():
    metadata = json.loads(run("cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET))
    packages = {(each["name"], "v" + each["version"]): each for each in metadata["packages"]}
    print("libtidemark_grammar.so contains the crates below, and the standard library of Rust")
    print("(MIT OR Apache-2.0, https://github.com/rust-lang/rust/blob/master/COPYRIGHT).")
    for key in linked():
        package = packages[key]
        if package["source"] is None:
            continue
        print(f"\n{'=' * 100}\n{package['name']} {package['version']}: {package['license']}")
        print(f"{package['repository'] or ''}\n")
        for file in texts(pathlib.Path(package["manifest_path"]).parent):
            print("\n".join(line.rstrip() for line in file.read_text(encoding="utf-8").strip().splitlines()))


if __name__ == "__main__":
    main()
