"""Makes N random LoRA adapters in PEFT's format, of rank 16 on all seven projections: python adapters.py MODEL OUT N

Random weights take as much time as trained ones, and every system loads the same files. They are small, so that logits stay
in range. A and B are both nonzero, so that no system can skip a product.
"""
import json
import sys
from pathlib import Path

import numpy
from safetensors.numpy import save_file

RANK = 16
SCALE = 0.02


def shapes(config):
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    heads = config["num_attention_heads"]
    head = config.get("head_dim") or hidden // heads
    queries, keys = heads * head, config.get("num_key_value_heads", heads) * head
    return {"self_attn.q_proj": (hidden, queries), "self_attn.k_proj": (hidden, keys), "self_attn.v_proj": (hidden, keys),
            "self_attn.o_proj": (queries, hidden), "mlp.gate_proj": (hidden, inner), "mlp.up_proj": (hidden, inner),
            "mlp.down_proj": (inner, hidden)}


def write(config, model, folder, seed):
    random = numpy.random.default_rng(seed)
    tensors = {}
    for layer in range(config["num_hidden_layers"]):
        for name, (inputs, outputs) in shapes(config).items():
            prefix = f"base_model.model.model.layers.{layer}.{name}"
            for part, shape in (("lora_A", (RANK, inputs)), ("lora_B", (outputs, RANK))):
                tensors[f"{prefix}.{part}.weight"] = random.normal(0, SCALE, shape).astype(numpy.float32)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    settings = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": str(model), "r": RANK,
                "lora_alpha": RANK, "lora_dropout": 0.0, "bias": "none", "inference_mode": True, "fan_in_fan_out": False,
                "target_modules": sorted({name.split(".")[1] for name in shapes(config)})}
    # last, so that a folder with a config is complete
    (folder / "adapter_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def main():
    model, out, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    config = json.loads((model / "config.json").read_text())
    for number in range(count):
        folder = out / f"random-{number:02d}"
        if not (folder / "adapter_config.json").exists():
            write(config, model, folder, number)


main()
