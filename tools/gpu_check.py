#!/usr/bin/env python3
r"""Repeats recorded calls of Tidemark on another device, and compares every number that Java read.

A machine with a GPU often has torch, but neither Java nor a network. Make the recording on any machine:

    PYTORCH_EXTRA_LIBRARY_PATH=src/test/resources/native/linux-x86_64/libtidemark_cuda_stand_in.so \
      bin/tidemark verify src/test/resources/models/llama-gqa --device cuda:0 --compute-type fp32 --record recording

The library makes the processor a device `cuda:0`, so that the calls are those of a GPU. Copy the
recording to the machine with the GPU, where this script needs Python and torch only:

    python gpu_check.py recording --device cuda:0

`verify` has compared the recorded numbers with transformers and PEFT. The archive `Decoder.pt` is the one that Java packed
and a worker runs. `calls.jsonl` and `data.bin` hold all values that Java created, all calls in their order, and all values
that Java read. This script does not depend on the model.

On the device `meta` no number is computed, but every operator checks the devices of its inputs: a tensor that a script
creates on a fixed device ends the run. This needs no GPU.
"""
import argparse
import json
import pathlib
import sys

import torch
import torch.fx.experimental._config

TYPES = {"uint8": torch.uint8, "host_uint8": torch.uint8, "int64": torch.int64, "float32": torch.float32, "float64": torch.float64}


class Replay:
    def __init__(self, folder, device):
        self.folder = folder
        self.device = device
        self.data = (folder / "data.bin").read_bytes()
        self.calls = [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]
        self.values = {}
        # numbers and flags that Java read cannot be computed on `meta`; the recorded ones are used
        self.literals = {c["read"]: c["value"] for c in self.calls if c.get("kind") == "literal"}
        self.methods = {}  # by value: the method that gave it
        self.compared = {}  # by method
        self.made = 0

    def tensor(self, kind, call):
        raw = self.data[call["at"]:call["at"] + call["bytes"]]
        if not raw:
            return torch.empty(0, dtype=TYPES[kind])
        return torch.frombuffer(bytearray(raw), dtype=TYPES[kind])

    def run(self, tolerance):
        for call in self.calls:
            if "script" in call:
                self.values[call["script"]] = torch.jit.load(str(self.folder / call["file"]), map_location=self.device)
            elif "make" in call:
                self.values[call["id"]] = self.make(call)
            elif "list" in call:
                self.values[call["id"]] = [self.values[i] for i in call["list"]]
            elif "call" in call:
                self.values[call["id"]] = self.call(call)
                self.methods[call["id"]] = call["call"]
                self.made += 1
            elif "members" in call:
                self.values.update(zip(call["ids"], self.values[call["members"]]))
                self.methods.update((member, self.methods[call["members"]]) for member in call["ids"])
            elif "read" in call:
                self.compare(call, tolerance)
            else:
                self.values.pop(call["drop"], None)

    def make(self, call):
        if call["make"] == "literal":
            return call["value"]
        tensor = self.tensor(call["make"], call)
        return tensor if call["make"] == "host_uint8" else tensor.to(self.device)

    def call(self, call):
        if self.device.type == "meta" and call["id"] in self.literals:
            return self.literals[call["id"]]
        arguments = [self.values[i] for i in call["arguments"]]
        return getattr(self.values[call["of"]], call["call"])(*arguments)

    def compare(self, call, tolerance):
        value = self.values[call["read"]]
        if call["kind"] == "literal":
            self.count(call, 1, int(value != call["value"]), 0.0)
            return
        expected = self.tensor(call["kind"], call)
        if value.numel() != expected.numel() or value.device.type != self.device.type:
            sys.exit(f"a result has {value.numel()} elements on {value.device}, and {expected.numel()} were recorded")
        rows = value.shape[0] if value.dim() > 1 else 1
        if self.device.type == "meta" or not value.numel():
            self.count(call, rows, 0, 0.0)
            return
        differences = (value.reshape(rows, -1).cpu().double() - expected.reshape(rows, -1).double()).abs().amax(1)
        self.count(call, rows, int((~(differences <= tolerance)).sum()), differences.max().item())

    def count(self, call, rows, off, largest):
        method = self.compared.setdefault(self.methods[call["read"]], {"rows": 0, "off": 0, "largest": 0.0})
        method["rows"] += rows
        method["off"] += off
        method["largest"] = max(method["largest"], largest)

    def failures(self, any_tokens):
        """The methods with a row that is off; with `any_tokens`, not those that sample."""
        ignored = ("step_and_sample", "sample_again") if any_tokens else ()
        return [method for method, of in self.compared.items() if of["off"] and method not in ignored]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recording", type=pathlib.Path)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--tolerance", type=float, default=5e-4, help="largest allowed difference from a recorded number (default 5e-4)")
    parser.add_argument("--any-tokens", action="store_true",
                        help="do not judge sampled tokens: they differ where 16-bit logits are almost equal")
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "meta":
        # on `meta`, the number of elements that an operator finds is not known
        torch.fx.experimental._config.meta_nonzero_assume_all_nonzero = True
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    print(f"torch {torch.__version__}, {name}")
    replay = Replay(options.recording, device)
    with torch.inference_mode():
        replay.run(options.tolerance)
    print(f"{replay.made} calls; compared, by method:")
    for method, of in replay.compared.items():
        print(f"  {method}: {of['rows']} rows, {of['off']} off, largest difference {of['largest']:.1e}")
    failures = replay.failures(options.any_tokens)
    print(f"off: {', '.join(failures)}" if failures else "ok")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
