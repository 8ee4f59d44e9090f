#!/usr/bin/env python3
"""Writes the custom resource definitions that the manifests in k8s/ use to src/test/resources/crds, without
descriptions, columns for kubectl and versions that are not stored. Needs checkouts of the three repositories and PyYAML:

    tools/kubernetes/trim_crds.py --strimzi FOLDER --keda FOLDER --prometheus-operator FOLDER

Records the commits in README.md beside them.
"""
import argparse
import json
import subprocess
from pathlib import Path

import yaml

TARGET = Path(__file__).resolve().parents[2] / "src/test/resources/crds"
SOURCES = {
    "strimzi": ("https://github.com/strimzi/strimzi-kafka-operator", [
        "install/cluster-operator/040-Crd-kafka.yaml",
        "install/cluster-operator/043-Crd-kafkatopic.yaml",
        "install/cluster-operator/044-Crd-kafkauser.yaml",
        "install/cluster-operator/045-Crd-kafkanodepool.yaml",
    ]),
    "keda": ("https://github.com/kedacore/keda", [
        "config/crd/bases/keda.sh_scaledobjects.yaml",
        "config/crd/bases/keda.sh_triggerauthentications.yaml",
    ]),
    "prometheus-operator": ("https://github.com/prometheus-operator/prometheus-operator", [
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ]),
}
README = """# Custom resource definitions

The definitions of the custom resources in `k8s/`, written by `tools/kubernetes/trim_crds.py`. They have all fields and
validation rules of the originals, without descriptions. All three projects have the Apache License 2.0.

| files | from | commit |
| --- | --- | --- |
"""


def trimmed(crd):
    spec = crd["spec"]
    versions = [v for v in spec["versions"] if v["storage"]]
    for version in versions:
        version.pop("additionalPrinterColumns", None)
        without_descriptions(version["schema"]["openAPIV3Schema"])
    return {
        "apiVersion": crd["apiVersion"],
        "kind": crd["kind"],
        "metadata": {"name": crd["metadata"]["name"]},
        "spec": {key: spec[key] for key in ("group", "names", "scope")} | {"versions": versions},
    }


def without_descriptions(schema):
    """Removes the annotation `description` from a schema, not the property of that name."""
    schema.pop("description", None)
    schema.pop("example", None)
    children = list(schema.get("properties", {}).values())
    children += [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
    for key in ("anyOf", "oneOf", "allOf"):
        children += schema.get(key, [])
    for child in children:
        without_descriptions(child)


def git(folder, *arguments):
    return subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True).stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in SOURCES:
        parser.add_argument("--" + name, required=True, metavar="FOLDER")
    folders = vars(parser.parse_args())
    TARGET.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, (repository, paths) in SOURCES.items():
        folder = folders[name.replace("-", "_")]
        files = []
        for path in paths:
            crd = trimmed(yaml.safe_load(git(folder, "show", "HEAD:" + path)))
            file = TARGET / (crd["spec"]["names"]["singular"] + ".json")
            file.write_text(json.dumps(crd, sort_keys=True, separators=(",", ":")) + "\n")
            files.append(f"`{file.name}`")
        commit = git(folder, "rev-parse", "HEAD").strip()
        rows.append(f"| {', '.join(files)} | {repository} | `{commit}` |\n")
    (TARGET / "README.md").write_text(README + "".join(rows))


if __name__ == "__main__":
    main()
