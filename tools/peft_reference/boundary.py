"""A boundary in PEFT: LoRA in layers 0..b-1, none in layers b and above. Adapter parts outside the layers stay."""
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
        module._disable_adapters = True   # enable_adapters(False) would also freeze parameters, without a record of which
    try:
        yield
    finally:
        for module in dropped:
            module._disable_adapters = False


def _layer(module: str) -> int:
    """The layer of a module; -1 for embedding and head, which are never dropped."""
    found = LAYER.search(module)
    return int(found.group(1)) if found else -1
