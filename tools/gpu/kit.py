#!/usr/bin/env python3
"""Checks and measures Tidemark on a GPU machine that has Python with torch and numpy, but neither Java nor a network.

    python kit.py all                       about half an hour; continues after a failure
    python kit.py kernels --device cuda:0   one command
    python kit.py all --device cpu --quick  a rehearsal with small shapes

Each command writes results/NAME.json and prints its figures as a table. page.py makes Markdown of all results.
"""
import argparse
import datetime
import io
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile

import torch

from gpu_check import Replay
from page import table

HERE = pathlib.Path(__file__).resolve().parent
COMMANDS = ("check", "check-bf16", "kernels", "attention", "graphs", "lora", "verify", "bench")
DJL = "0.36.0"

# The shapes of Llama 3.2 1B (1.24B parameters, of which 0.97B in the layers) and Llama 3.1 8B, with tied embeddings.
MODELS = {
    "1B": dict(layers=16, hidden=2048, heads=32, kv_heads=8, head_dim=64, intermediate=8192, vocabulary=128256),
    "8B": dict(layers=32, hidden=4096, heads=32, kv_heads=8, head_dim=128, intermediate=14336, vocabulary=128256),
}
QUICK_MODELS = {
    "tiny": dict(layers=2, hidden=64, heads=4, kv_heads=2, head_dim=16, intermediate=128, vocabulary=432),
}
RANK = 16
CACHED = 448  # tokens of each sequence in the step that is measured
BF16, FP32 = 1, 0  # ComputeType of constants.torchscript

# Methods that repeat a step inside of one call, because the conversion of arguments from Python takes longer than a step.
# Java passes the same arguments without a conversion.
REPEATED = """
  def repeated_steps(
      self, times: int, plan: List[int], plan_sizes: List[int], calls: List[List[int]], caches: List[List[Tensor]],
      lora_spans: List[List[int]], adapters: List[__torch__.Adapter], stacks: List[__torch__.LoraStack],
      stacked_layers: List[List[int]], sampling_sizes: List[int], masks: Tensor) -> Tensor:
    tokens = masks
    spans = [[0, 0, 0, 0]]
    numbers = annotate(List[int], [])
    for i in range(times):
      sampled = (self.step_and_sample(
          plan, plan_sizes, calls, caches, lora_spans, adapters, stacks, stacked_layers, spans, self.no_overrides(),
          numbers, numbers, sampling_sizes, sampling_sizes, masks))[0]
      tokens = torch.to(sampled, torch.device("cpu"), 7, False, False, None)
    return tokens

  def repeated_logits(self, times: int, inputs: __torch__.StepInputs) -> Tensor:
    logits = self.step_logits(inputs)
    for i in range(times - 1):
      logits = self.step_logits(inputs)
    return logits
"""


class Decoder:
    """The decoder's script of the recordings with random weights, and the arguments of its decoding steps.

    They have the layouts of step.torchscript: one block of slots holds all rows, one attention call computes them, and
    from three adapters on, a stack holds them.
    """

    def __init__(self, shape, compute_type, device):
        self.shape = shape
        self.device = device
        self.script = torch.jit.load(with_methods(HERE / "recordings/bf16/Decoder.pt", REPEATED), map_location=device)
        self.type = torch.bfloat16 if compute_type == BF16 else torch.float32
        self.generator = torch.Generator(device).manual_seed(1)
        hidden, half = shape["hidden"], shape["head_dim"] // 2
        embedding = self.random(shape["vocabulary"], hidden)
        frequencies = 10000.0 ** (-torch.arange(half, device=device) / half)
        self.script.install(
            embedding, self.random(hidden), embedding, frequencies, 1.0, 1e-5, hidden, shape["heads"], shape["kv_heads"],
            shape["head_dim"], shape["intermediate"], [-1] * shape["layers"], compute_type, False, True, -1)
        states = torch.empty(0, device=device)
        none = torch.empty(0, device=device)
        self.sizes = linear_sizes(shape)
        for _ in range(shape["layers"]):
            linears = [t for inputs, parts in self.sizes for t in (self.random(sum(parts), inputs).to(self.type), none)]
            self.script.add_layer([self.random(hidden), self.random(hidden), none], linears, states)
        self.script.add_head(states)

    def random(self, *size):
        return torch.randn(size, generator=self.generator, device=self.device) * 0.02

    def adapter(self):
        factors = []
        for _ in range(self.shape["layers"]):
            for inputs, parts in self.sizes:
                factors += [self.random(inputs, len(parts) * RANK).to(self.type), self.random(RANK, sum(parts)).to(self.type)]
        return self.script.adapter(factors, [])

    def places(self, count):
        """A stack of `count` adapters, or the list of them where a step uses no stack (StackPlan.MIN_ADAPTERS)."""
        adapters = [self.adapter() for _ in range(count)]
        if count < 3:
            return None, adapters
        stack = self.script.new_stack(adapters, count)
        for place, adapter in enumerate(adapters):
            self.script.set_place(stack, place, adapter)
        return stack, adapters

    def cache(self, rows):
        return self.script.new_cache(torch.zeros(1, device=self.device), rows, CACHED + 64, CACHED + 64)

    def step(self, cache, rows, stack, adapters):
        """The arguments of a step of `rows` rows with one token each, before those of overrides and sampling."""
        layers = self.shape["layers"]
        of_row, width, products, positions = spread(rows, len(adapters))
        spans = [[0, 0, 0]]
        stacked_layers = [[0, 0]] * layers
        if stack is None:
            products, positions = [], []
            if adapters:
                spans = [[of_row.index(a), of_row.index(a) + of_row.count(a), layers] for a in range(len(adapters))]
        else:
            stacked_layers = [[rows, len(adapters)]] * layers
        ids = [7 * row % self.shape["vocabulary"] for row in range(rows)]
        parts = [ids, [CACHED - 1] * rows, list(range(rows)), list(range(rows)), [], [], products, positions]
        plan = [number for part in parts for number in part]
        only = CACHED - 1 if rows == 1 else -1
        calls = [[0, 0, rows, 1, CACHED, 0, CACHED + 64, CACHED, only]]
        return (plan, [len(part) for part in parts], calls, [cache], spans, [] if stack else adapters,
                [stack] if stack else [], stacked_layers)


def with_methods(archive, text):
    """A copy of a script's archive with more methods of its last class, which is the decoder."""
    copy = io.BytesIO()
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(copy, "w") as target:
        for entry in source.namelist():
            content = source.read(entry)
            target.writestr(entry, content + text.encode() if entry.endswith("__torch__.py") else content)
    copy.seek(0)
    return copy


def linear_sizes(shape):
    """Inputs and outputs by part of the linears: qkv, o, gate and up, down."""
    hidden, q, kv = shape["hidden"], shape["heads"] * shape["head_dim"], shape["kv_heads"] * shape["head_dim"]
    return [(hidden, [q, kv, kv]), (q, [hidden]), (hidden, [shape["intermediate"]] * 2), (shape["intermediate"], [hidden])]


def spread(rows, adapters):
    """The adapter of each row, and StackedRows: width, the row of each row of the products, the index of each row in them."""
    if not adapters:
        return [], 0, [], []
    of_row = [row * adapters // rows for row in range(rows)]
    width = max(of_row.count(a) for a in range(adapters))
    products, positions, filled = [0] * (adapters * width), [], [0] * adapters
    for row, adapter in enumerate(of_row):
        positions.append(adapter * width + filled[adapter])
        products[positions[-1]] = row
        filled[adapter] += 1
    return of_row, width, products, positions


class Run:
    """One command: its options, device and figures."""

    def __init__(self, options):
        self.options = options
        self.quick = options.quick
        self.device = torch.device(options.device)
        self.on_gpu = self.device.type == "cuda"
        # as auto of the engine: GPUs before 8.0 have no bfloat16 products
        fast = not self.on_gpu or torch.cuda.get_device_capability(self.device) >= (8, 0)
        self.compute_type = BF16 if fast else FP32
        self.models = QUICK_MODELS if self.quick else MODELS
        self.rows = [1, 8] if self.quick else [1, 8, 32, 256]
        self.figures = []
        self.outcome = "done"

    def add(self, **figure):
        self.figures.append(figure)
        print("  " + "  ".join(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
                               for name, value in figure.items()), flush=True)

    def name(self):
        return torch.cuda.get_device_name(self.device) if self.on_gpu else "the processor"

    def synchronize(self):
        if self.on_gpu:
            torch.cuda.synchronize(self.device)

    def seconds(self, action):
        self.synchronize()
        start = time.perf_counter()
        action()
        self.synchronize()
        return time.perf_counter() - start

    def times(self, repeated, count=None, samples=None):
        """Milliseconds (median, lower and upper quartile) of what `repeated(n)` does n times, without its fixed cost."""
        count = count or (2 if self.quick else 8)
        samples = samples or (4 if self.quick else 9)
        repeated(3)
        repeated(1 + count)
        each = [1e3 * (self.seconds(lambda: repeated(1 + count)) - self.seconds(lambda: repeated(1))) / count
                for _ in range(samples)]
        low, middle, high = statistics.quantiles(each, n=4)
        return {"ms": middle, "q1": low, "q3": high}

    def loop(self, action):
        """`times` of a function without a conversion of arguments."""
        def repeated(times):
            for _ in range(times):
                action()
        return self.times(repeated, count=4 if self.quick else 20)

    def launches(self, action):
        """The kernels and copies that an action starts; none without a GPU."""
        if not self.on_gpu:
            return {"kernels": None, "copies": None}
        activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
        with torch.profiler.profile(activities=activities) as profile:
            action()
            self.synchronize()
        counts = {event.key: event.count for event in profile.key_averages()}
        return {"kernels": sum(n for key, n in counts.items() if "LaunchKernel" in key),
                "copies": sum(n for key, n in counts.items() if "cudaMemcpyAsync" in key or key == "cudaMemcpy")}

    def fitting(self, case, action):
        """The result of an action; None, with a note as the figures of the case, if it does not fit in the memory."""
        try:
            return action()
        except RuntimeError as failure:  # TorchScript wraps torch.OutOfMemoryError
            if "out of memory" not in str(failure):
                raise
            self.add(**case, note="out of memory")
            return None
        finally:
            if self.on_gpu:
                torch.cuda.empty_cache()

    def measured(self, case, action):
        """Adds the figures that an action gives."""
        figures = self.fitting(case, action)
        if figures is not None:
            self.add(**case, **figures)

    def decoders(self, adapters, measure):
        """Calls measure(case, decoder, stack, adapters, rows) for each model, number of adapters and number of rows."""
        for model, shape in self.models.items():
            decoder = self.fitting({"model": model}, lambda: Decoder(shape, self.compute_type, self.device))
            for count in adapters if decoder else []:
                places = self.fitting({"model": model, "adapters": count}, lambda: decoder.places(count))
                for rows in [rows for rows in self.rows if rows >= count] if places else []:
                    measure({"model": model, "rows": rows, "adapters": count}, decoder, *places, rows)
                del places
            del decoder


def check(run, folder="fp32", tolerance=5e-4, any_tokens=False):
    """Repeats a recording and compares all numbers that Java read."""
    replay = Replay(HERE / "recordings" / folder, run.device)
    replay.run(tolerance)
    for method, compared in replay.compared.items():
        run.add(method=method, **compared)
    failures = replay.failures(any_tokens)
    run.outcome = f"off: {', '.join(failures)}" if failures else f"{replay.made} calls, ok"
    return not failures


def check_bf16(run):
    return check(run, "bf16", 0.15, True)


def kernels(run):
    """Times a decoding step of the project's script, from the numbers of its plan to the tokens in the host's memory."""
    none = torch.empty(0, dtype=torch.uint8)

    def measure(case, decoder, stack, adapters, rows):
        def step():
            arguments = decoder.step(decoder.cache(rows), rows, stack, adapters)

            def repeated(times):
                return decoder.script.repeated_steps(times, *arguments, [0] * 6, none)
            return {**run.times(repeated), **run.launches(lambda: repeated(1))}
        run.measured(case, step)

    run.decoders([0, 1, 8] if run.quick else [0, 1, 8, 32], measure)
    return True


def attention(run):
    """Times attention of one layer: all rows in one call padded to the longest, or a call for each of four lengths."""
    for model, shape in run.models.items():
        heads, width = shape["kv_heads"], shape["head_dim"]
        group = shape["heads"] // heads
        for dtype in (torch.float32, torch.bfloat16):
            for rows in run.rows:
                for length in [128] if run.quick else [128, 1024, 4096]:
                    def compare():
                        cache = torch.randn(2, rows, heads, length, width, device=run.device, dtype=dtype)
                        q = torch.randn(rows, heads, group, width, device=run.device, dtype=dtype)
                        count = min(4, rows)
                        spans = [length * (i + 1) // count for i in range(count)]
                        positions = torch.tensor([spans[row * count // rows] - 1 for row in range(rows)], device=run.device)
                        keys = torch.arange(length, device=run.device)
                        mask = torch.where(keys <= positions[:, None], 0.0, -float("inf")).to(dtype).view(rows, 1, 1, length)

                        def call(first, end, span):
                            k, v = cache[:, first:end, :, :span]
                            return torch.nn.functional.scaled_dot_product_attention(
                                q[first:end], k, v, mask[first:end, :, :, :span])

                        def grouped():
                            bounds = [rows * i // count for i in range(count + 1)]
                            return torch.cat([call(bounds[i], bounds[i + 1], spans[i]) for i in range(count)])

                        difference = (call(0, rows, length).float() - grouped().float()).abs().max().item()
                        return {"padded ms": run.loop(lambda: call(0, rows, length))["ms"],
                                "grouped ms": run.loop(grouped)["ms"],
                                "padded kernels": run.launches(lambda: call(0, rows, length))["kernels"],
                                "difference": difference}
                    case = dict(model=model, type=str(dtype).split(".")[1], rows=rows, length=length)
                    run.measured(case, compare)
    return True


def graphs(run):
    """Captures the layers and the head of a decoding step as a CUDA graph, and compares its replay with the plain step."""
    if not run.on_gpu:
        run.outcome = "skipped: needs CUDA"
        if not run.quick:
            return True

    def measure(case, decoder, stack, adapters, rows):
        def compare():
            plan, *others = decoder.step(decoder.cache(rows), rows, stack, adapters)
            inputs = decoder.script.step_inputs(torch.tensor(plan, device=run.device), *others, [[0, 0, 0, 0]], [])
            plain = run.times(lambda times: decoder.script.repeated_logits(times, inputs))["ms"]
            if not run.on_gpu:
                return {"plain ms": plain}
            expected = decoder.script.step_logits(inputs)
            captured, graph = capture(lambda: decoder.script.step_logits(inputs))
            graph.replay()
            run.synchronize()
            difference = (captured - expected).abs().max().item()
            return {"plain ms": plain, "graph ms": run.loop(graph.replay)["ms"], "difference": difference}
        run.measured(case, compare)

    run.decoders([0, 8] if run.quick else [0, 8, 32], measure)
    return True


def capture(action):
    """The result of an action, which the graph writes at each replay, and the graph."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            action()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = action()
    return result, graph


def lora(run):
    """Times the LoRA of one layer: `add_stacked_lora` beside `add_lora`, written with the same operators."""
    dtype = torch.bfloat16 if run.compute_type == BF16 else torch.float32
    for model, shape in run.models.items():
        sizes = linear_sizes(shape)
        for adapters in [1, 4] if run.quick else [1, 2, 3, 4, 8, 32]:
            def random(*size):
                return torch.randn(size, device=run.device, dtype=dtype) * 0.05
            a = [random(adapters, inputs, len(parts) * RANK) for inputs, parts in sizes]
            b = [random(adapters, RANK, sum(parts)) for _, parts in sizes]
            for rows in [rows for rows in (run.rows if run.quick else [8, 32, 256]) if rows >= adapters]:
                of_row, width, products, positions = spread(rows, adapters)
                spans = [(of_row.index(i), of_row.index(i) + of_row.count(i)) for i in range(adapters)]
                products, positions = (torch.tensor(numbers, device=run.device) for numbers in (products, positions))
                x = [random(rows, inputs) for inputs, _ in sizes]
                y = [torch.zeros(rows, sum(parts), device=run.device, dtype=dtype) for _, parts in sizes]

                def separate():
                    for module, (_, parts) in enumerate(sizes):
                        for adapter, (first, end) in enumerate(spans):
                            outputs = y[module][first:end].split_with_sizes(parts, 1)
                            h = x[module][first:end].mm(a[module][adapter])
                            of_parts = b[module][adapter].split_with_sizes(parts, 1)
                            for part, output in enumerate(outputs):
                                output.addmm_(h[:, part * RANK:(part + 1) * RANK], of_parts[part])

                def stacked():
                    for module, (_, parts) in enumerate(sizes):
                        h = x[module].index_select(0, products).view(adapters, width, -1).bmm(a[module])
                        outputs = y[module].new_empty(adapters, width, sum(parts))
                        of_parts = b[module].split_with_sizes(parts, 2)
                        for part, output in enumerate(outputs.split_with_sizes(parts, 2)):
                            torch.bmm(h[:, :, part * RANK:(part + 1) * RANK], of_parts[part], out=output)
                        y[module].add_(outputs.view(adapters * width, -1).index_select(0, positions))

                def compare():
                    results = []
                    for action in (separate, stacked):
                        for each in y:
                            each.zero_()
                        action()
                        results.append([each.float() for each in y])
                    difference = max((one - two).abs().max().item() for one, two in zip(*results))
                    return {"separate ms": run.loop(separate)["ms"], "stacked ms": run.loop(stacked)["ms"],
                            "separate kernels": run.launches(separate)["kernels"],
                            "stacked kernels": run.launches(stacked)["kernels"], "difference": difference}
                run.measured(dict(model=model, adapters=adapters, rows=rows), compare)
    return True


def java(run, jar, *arguments):
    """The lines that a program of the kit prints, and its exit code."""
    version = torch.__version__.split("+")[0]
    flavor = "cu" + torch.version.cuda.replace(".", "") if run.on_gpu else "cpu"  # a flavor of CUDA needs a driver
    library = HERE / "cache/pytorch" / f"{version}-{flavor}-linux-x86_64" / f"{DJL}-libdjl_torch.so"
    if not library.exists():  # DJL looks here for it, after torch's own folder
        library.parent.mkdir(parents=True)
        shutil.copyfile(HERE / "libdjl_torch.so", library)
    environment = {
        **os.environ, "JAVA_HOME": str(HERE / "java"), "TIDEMARK_JAR": str(HERE / "app" / jar), "DJL_CACHE_DIR": str(HERE / "cache"),
        "PYTORCH_LIBRARY_PATH": str(pathlib.Path(torch.__file__).parent / "lib"), "PYTORCH_VERSION": version,
        "PYTORCH_FLAVOR": flavor, "PYTORCH_LIBRARY_EXCLUSION": "libshm.so,libtorch_python.so"}
    command = [HERE / "bin/tidemark", *arguments, "--device", run.options.device]
    process = subprocess.run(list(map(str, command)), env=environment, stdout=subprocess.PIPE, text=True)
    print(process.stdout, end="", flush=True)
    return process.stdout.splitlines(), process.returncode


def verify(run):
    """Compares the engine in Java with transformers and PEFT."""
    model = run.options.model or HERE / "llama-gqa"
    subject = ["--model", model, "--adapter", model / "adapters/qv"] if run.quick else [model]
    ends = []
    passed = True
    for compute_type in ("fp32", "bf16"):
        lines, code = java(run, "verify.jar", "verify", *subject, "--compute-type", compute_type)
        for line in lines:
            found = re.match(r"(\S+)  (\S+) +logits (\S+)  greedy (\S+)  log-likelihood (\S+)  boundaries (\S+)", line)
            if found:
                run.figures.append({"type": compute_type, "adapter": pathlib.Path(found[1]).name, "verdict": found[2],
                                    "logits": float(found[3]), "greedy": found[4], "log-likelihood": float(found[5]),
                                    "boundaries": found[6]})
        ends.append(lines[-1] if lines and not code else f"{compute_type}: exit code {code}")
        passed = passed and not code and any(figure["type"] == compute_type for figure in run.figures)
    run.outcome = " / ".join(ends)
    return passed


def bench(run):
    """Measures decoding steps of Java with a model of the shape of Llama 3.2 1B with random weights, or the given one."""
    with tempfile.TemporaryDirectory() as folder:
        model = run.options.model or random_model(pathlib.Path(folder), next(iter(run.models.values())))
        sizes = (["--rows", "1,8", "--adapters", "1,4", "--steps", "4", "--repeat", "1"] if run.quick
                 else ["--rows", "1,8,32,256", "--adapters", "1,8,32", "--prompt-tokens", CACHED, "--repeat", "3"])
        types = "bf16,fp32" if run.compute_type == BF16 else "fp32"
        lines, code = java(run, "bench.jar", "decode", "--model", model, "--compute-type", types, *sizes)
    for line in lines[1:]:
        found = re.match(r"(\S+) +(\S+) +(\d+)  (.*?) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)%$", line)
        if found:
            run.figures.append({"type": found[1], "rows": int(found[3]), "adapters": found[4], "tokens/s": float(found[5]),
                                "ms": float(found[6]), "of base": float(found[7]), "JVM %": float(found[9])})
    if code or not run.figures:
        run.outcome = f"exit code {code}, {len(run.figures)} figures"
        return False
    return True


def random_model(folder, shape):
    """A model of a shape, with the tokenizer of the test model and as many tokens as the shape has."""
    tokenizer = folder / "tokenizer"
    shutil.copytree(HERE / "llama-gqa", tokenizer, ignore=shutil.ignore_patterns("adapters", "*.safetensors"))
    config = json.loads((tokenizer / "config.json").read_text())
    config["vocab_size"] = shape["vocabulary"]
    (tokenizer / "config.json").write_text(json.dumps(config))
    subprocess.run([sys.executable, HERE / "make_model", "--out", folder / "model", "--tokenizer", tokenizer,
                    *(part for name in ("hidden", "layers", "heads", "kv_heads", "intermediate")
                      for part in ("--" + name.replace("_", "-"), str(shape[name])))],
                   check=True, stdout=subprocess.DEVNULL)
    return folder / "model"


def execute(options):
    """Runs one command and writes its result, also after a failure. Returns whether it passed."""
    start = time.time()
    print(f"== {options.command}", flush=True)
    try:
        run = Run(options)
        with torch.inference_mode():
            passed = globals()[options.command.replace("-", "_")](run)
        device, figures, outcome = run.name(), run.figures, run.outcome
    except Exception as failure:
        traceback.print_exc()
        passed, device = False, options.device
        figures, outcome = run.figures if "run" in locals() else [], f"failed: {type(failure).__name__}: {failure}"[:500]
    options.results.mkdir(parents=True, exist_ok=True)
    result = {
        "name": options.command, "device": device, "torch": torch.__version__, "cuda": torch.version.cuda,
        "command": f"kit.py {options.command} --device {options.device}" + " --quick" * options.quick, "date": datetime.date.today().isoformat(),
        "seconds": round(time.time() - start), "passed": passed, "outcome": outcome, "figures": figures}
    (options.results / f"{options.command}.json").write_text(json.dumps(result, indent=1) + "\n")
    if figures:
        print(table(figures))
    print(f"{options.command}: {outcome} ({result['seconds']} s)", flush=True)
    return passed


def execute_all(options):
    """Runs each command in a process of its own, since no command works after most errors of CUDA."""
    failed = []
    for command in COMMANDS:
        arguments = [sys.executable, __file__, command, "--device", options.device, "--results", options.results]
        arguments += ["--quick"] * options.quick + (["--model", options.model] if options.model else [])
        if subprocess.run(list(map(str, arguments))).returncode:
            failed.append(command)
    print(f"failed: {', '.join(failed)}" if failed else "all passed")
    return not failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=(*COMMANDS, "all"))
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--quick", action="store_true", help="small shapes, for a rehearsal")
    parser.add_argument("--model", type=pathlib.Path, help="the model folder of verify and bench")
    parser.add_argument("--results", type=pathlib.Path, default=HERE / "results", help="folder of the JSON files")
    options = parser.parse_args()
    torch._C._set_graph_executor_optimize(False)  # as the engine does on a GPU
    sys.exit(0 if (execute_all if options.command == "all" else execute)(options) else 1)


if __name__ == "__main__":
    main()
