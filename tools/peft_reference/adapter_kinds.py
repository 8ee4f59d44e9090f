"""Random adapters of every kind that PEFT's LoRA writes for these families."""
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
PROJECTIONS = ATTENTION + ["gate_proj", "up_proj", "down_proj"]

KINDS = {
    "all": {"r": 8, "lora_alpha": 16, "target_modules": PROJECTIONS},
    "all-linear": {"r": 2, "lora_alpha": 4, "target_modules": "all-linear"},
    "qv": {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]},
    "patterns": {"r": 4, "lora_alpha": 8, "target_modules": PROJECTIONS,
                 "rank_pattern": {"k_proj": 3, r"layers\.1\.mlp\.up_proj": 7}, "alpha_pattern": {"o_proj": 5, "up_proj": 3}},
    "regex": {"r": 4, "lora_alpha": 8, "target_modules": r".*layers\.[0-2]\..*(k_proj|gate_proj)"},
    "rslora": {"r": 6, "lora_alpha": 4, "target_modules": PROJECTIONS, "use_rslora": True},
    "some-layers": {"r": 4, "lora_alpha": 8, "target_modules": PROJECTIONS, "layers_to_transform": [0, 2]},
    "dora": {"r": 4, "lora_alpha": 8, "target_modules": PROJECTIONS, "use_dora": True},
    "dora-rslora": {"r": 4, "lora_alpha": 4, "target_modules": ATTENTION, "use_dora": True, "use_rslora": True},
    "lora-bias": {"r": 4, "lora_alpha": 8, "target_modules": ["k_proj", "o_proj", "down_proj"], "lora_bias": True},
    "embeddings": {"r": 4, "lora_alpha": 8, "target_modules": ["v_proj", "embed_tokens"]},
    "lm-head": {"r": 4, "lora_alpha": 8, "target_modules": ["v_proj", "lm_head"]},
    "modules-to-save": {"r": 4, "lora_alpha": 8, "target_modules": ["v_proj"], "modules_to_save": ["lm_head"]},
    "saved-embeddings": {"r": 4, "lora_alpha": 8, "target_modules": ["v_proj"], "modules_to_save": ["embed_tokens"]},
    "dora-outside": {"r": 4, "lora_alpha": 8, "target_modules": ["v_proj", "embed_tokens", "lm_head"], "use_dora": True},
    "lora-bias-head": {"r": 4, "lora_alpha": 8, "target_modules": ["v_proj", "lm_head"], "lora_bias": True},
}
# PEFT unties these; whether transformers ties them again depends on the version
UNTIED_ONLY = {"dora-outside", "lora-bias-head", "lm-head", "embeddings", "modules-to-save", "saved-embeddings"}


def kinds_for(tied: bool) -> list[str]:
    return [kind for kind in KINDS if not (tied and kind in UNTIED_ONLY)]


def make_adapter(base: Path, kind: str, folder: Path, seed: int) -> None:
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **KINDS[kind]))
    _fill(model)
    model.peft_config["default"].base_model_name_or_path = base.name
    # An adapted embedding keeps the base's weights; "auto" would search for the base on the hub.
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)   # the empty model card that PEFT writes


@torch.no_grad()
def _fill(model) -> None:
    """Fills all parts with random values. PEFT initializes B with zeros, so that an adapter would have no effect."""
    for name, weight in model.named_parameters():
        if "lora_magnitude_vector" in name:
            weight.mul_(1 + 0.1 * torch.randn_like(weight))
        elif "lora_" in name:
            weight.normal_(0.0, 0.12)
        elif "modules_to_save" in name:
            weight.add_(0.1 * weight.std() * torch.randn_like(weight))
