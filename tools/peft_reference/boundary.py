"""What a boundary means in PEFT: LoRA in layers 0..b-1, none in layers b and above, and all that is outside the layers stays."""
import re
from contextlib import contextmanager

from peft.tuners.lora import LoraLayer

LAYER = re.compile(r"\.layers\.(\d+)\.")


def boundaries(model) -> range:
    return range(model.config.num_hidden_layers + 1)


@contextmanager
def boundary(model, layers: int):
    """Inside the `with`, the LoRA modules of layer `layers` and above compute what their base module computes.

    A scaling of 0 would not do: DoRA would go on to normalise the base weights. PEFT's own switch skips the adapter.
    """
    dropped = [module for name, module in model.named_modules() if isinstance(module, LoraLayer) and _layer(name) >= layers]
    for module in dropped:
        module._disable_adapters = True   # enable_adapters(False) would also freeze parameters, and forget which
    try:
        yield
    finally:
        for module in dropped:
            module._disable_adapters = False


def _layer(module: str) -> int:
    """The layer that a module is in; -1, so never dropped, for embeddings and head."""
    found = LAYER.search(module)
    return int(found.group(1)) if found else -1
