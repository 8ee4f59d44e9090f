"""Files that all systems load: the model, the random adapters, and their GGUF copies, made once and kept."""
import json
import subprocess
import textwrap
from pathlib import Path

from harness.systems import BENCH, INSTALLED

CONVERTERS = INSTALLED / "llama-source" / "vendor" / "llama.cpp"
QUANTIZE = textwrap.dedent("""
    import ctypes, sys
    import llama_cpp
    source, target = sys.argv[1:]
    llama_cpp.llama_backend_init()
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M
    sys.exit(llama_cpp.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(params)))
    """)


class Setup:

    def __init__(self, options):
        self.model, self.check = options.model.resolve(), options.check_adapter and options.check_adapter.resolve()
        self.threads, self.patience = options.threads, options.patience
        self.config = json.loads((self.model / "config.json").read_text())
        self.folder = INSTALLED / "made" / self.model.name
        self.gguf = self.folder / "gguf"
        self.adapters = [self.folder / "adapters" / f"random-{number:02d}"
                         for number in range(max(1, *(case.adapters for case in options.cases)))]

    @property
    def layers(self):
        return self.config["num_hidden_layers"]

    @property
    def vocabulary(self):
        return self.config["vocab_size"]

    def make(self, say):
        python = INSTALLED / "hf" / "bin" / "python"
        if not python.exists():
            raise SystemExit("bench/run: the environment that makes the adapters is missing; run bench/setup hf")
        say("random adapters")
        run(python, BENCH / "adapters.py", self.model, self.folder / "adapters", len(self.adapters))
        if CONVERTERS.exists():
            self.gguf.mkdir(parents=True, exist_ok=True)
            for precision in ("q8_0", "f16"):
                self.convert(python, "convert_hf_to_gguf.py", self.model, f"base-{precision}.gguf", say, "--outtype", precision)
            self.quantize("base-f16.gguf", "base-q4_k_m.gguf", say)
            for name, folder in (("adapter", self.adapters[0]), *([("check", self.check)] if self.check else [])):
                self.convert(python, "convert_lora_to_gguf.py", folder, f"{name}.gguf", say, "--outtype", "f16", "--base", self.model)

    def quantize(self, source, name, say):
        """Rows whose length is not a multiple of 256 keep more than 4 bits a weight."""
        source, target = self.gguf / source, self.gguf / name
        python = INSTALLED / "llama" / "bin" / "python"
        if python.exists() and not (target.exists() and target.stat().st_mtime > source.stat().st_mtime):
            say(name)
            part = target.with_suffix(".part")
            run(python, "-c", QUANTIZE, source, part)
            part.rename(target)

    def convert(self, python, script, source, name, say, *options):
        """Converts with llama.cpp's own scripts, unless the target is newer than its source."""
        target = self.gguf / name
        weights = max(path.stat().st_mtime for path in source.glob("*.safetensors"))
        if target.exists() and target.stat().st_mtime > weights and name != "check.gguf":
            return
        say(name)
        part = target.with_suffix(".part")
        run(python, CONVERTERS / script, source, "--outfile", part, *options)
        part.rename(target)


def run(*command):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"bench/run: {Path(command[1]).name} failed:\n{done.stderr[-2000:]}")
