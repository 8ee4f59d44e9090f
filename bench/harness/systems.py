"""The compared systems: how each is started, and which of its processes answers a case."""
import glob
import os
import shlex
from pathlib import Path

from harness.process import Failed, Process

BENCH = Path(__file__).resolve().parent.parent
INSTALLED = BENCH / ".peers"
GENERATE = (BENCH / "bench", "generate")
PROMPT_TOKENS_PER_STEP = 8192


class System:
    """A system that can be started and measured. A failure is kept as the reason why the system is missing."""

    build = False  # whether it is a build of Tidemark

    def __init__(self, name, needs=None):
        self.name, self.needs = name, needs
        self.versions, self.precision, self.missing = {}, "", ""
        self.processes = {}

    def start(self, setup, logs):
        if self.needs and not (INSTALLED / self.needs / ".done").exists():
            raise Failed(f"not installed: bench/setup {self.needs}")
        for role, (command, environment, more) in self.commands(setup).items():
            log = logs / f"{self.name.replace(' ', '-')}-{role}.log"
            self.processes[role] = Process([str(word) for word in command], environment, log)
            opened = self.processes[role].ask({"do": "open", "model": str(setup.model), "threads": setup.threads,
                                               "adapters": [str(folder) for folder in setup.adapters],
                                               "check": str(setup.check) if setup.check else None, **more}, setup.patience)
            self.versions.update(opened.get("versions", {}))
            self.precision = opened.get("precision", self.precision)

    def for_adapters(self, any_adapter):
        return self.processes.get("lora" if any_adapter else "base") or self.processes["all"]

    def measure(self, case, question, timeout):
        return self.for_adapters(case.adapters > 0).ask(question, timeout)

    def greedy(self, prompt, tokens, adapter):
        return self.for_adapters(adapter).ask({"do": "greedy", "prompt": prompt, "tokens": tokens,
                                               "adapter": "check" if adapter else None}, 300)

    def close(self):
        for process in self.processes.values():
            process.close()

    def python(self, script):
        return [INSTALLED / self.needs / "bin" / "python", BENCH / "peers" / script]


class Tidemark(System):
    """A build of Tidemark. All prompts of a case are in one step: no row decodes while others wait for their prompts."""

    build = True

    def __init__(self, name, generate, *options):
        super().__init__(f"Tidemark {name}")
        self.generate, self.options = generate, options
        self.precision = " ".join(options) or "default"

    @classmethod
    def parse(cls, text):
        """Parses 'NAME=LAUNCHER generate [OPTION …]'. Raises ValueError if the command generate is missing."""
        name, _, command = text.partition("=")
        words = shlex.split(command)
        if not name or "generate" not in words[1:]:
            raise ValueError(f"'{text}' must be NAME=LAUNCHER generate, and may end with options of 'bench/bench generate'")
        options = words.index("generate", 1) + 1
        return cls(name, words[:options], *words[options:])

    def commands(self, setup):
        adapters = [word for folder in setup.adapters for word in ("--adapter", folder)]
        check = ["--check-adapter", setup.check] if setup.check else []
        return {"all": ([*self.generate, "--questions", "--model", setup.model, "--threads", setup.threads,
                         "--prefill-tokens-per-step", PROMPT_TOKENS_PER_STEP, *self.options, *adapters, *check], {}, {})}


class TransformersPeft(System):

    def __init__(self, precision):
        super().__init__(f"transformers + PEFT {precision}", "hf")
        self.precision = precision

    def commands(self, setup):
        return {"all": (self.python("hf_peft.py"), {"HF_HUB_OFFLINE": "1"}, {"precision": self.precision})}


class LlamaCpp(System):

    def __init__(self, precision):
        super().__init__(f"llama.cpp {precision}", "llama")
        self.precision = precision

    def commands(self, setup):
        return {"all": (self.python("llama_cpp_python.py"), {}, {"gguf": str(setup.gguf), "precision": self.precision})}


class Vllm(System):

    def __init__(self, precision):
        super().__init__(f"vLLM {precision}", "vllm")
        self.precision = precision

    def commands(self, setup):
        # vLLM's documentation recommends both libraries; it is slower without them
        wanted = [*glob.glob("/usr/lib/*/libtcmalloc_minimal.so.4"), str(INSTALLED / "vllm" / "lib" / "libiomp5.so")]
        preload = {"LD_PRELOAD": ":".join(library for library in wanted if os.path.exists(library))}
        return {role: (self.python("vllm_cpu.py") + arguments, preload, {"precision": self.precision})
                for role, arguments in (("base", []), ("lora", ["--lora"]))}


def known():
    return {**{f"tidemark-{compute_type}": Tidemark(compute_type, GENERATE, "--compute-type", compute_type)
               for compute_type in ("int8", "bf16", "fp32")},
            "tidemark-deterministic": Tidemark("int8 deterministic", GENERATE, "--compute-type", "int8", "--deterministic"),
            "llama-q8_0": LlamaCpp("q8_0"), "llama-q4_k_m": LlamaCpp("q4_k_m"), "llama-f16": LlamaCpp("f16"),
            "vllm": Vllm("bf16"), "vllm-fp32": Vllm("fp32"),
            "hf": TransformersPeft("bf16"), "hf-fp32": TransformersPeft("fp32")}


DEFAULT = "tidemark-int8,llama-q8_0,llama-q4_k_m,vllm,hf"
