"""Small random models of the supported families, as Hugging Face folders with their own tokenizer."""
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from peft_reference.texts import built_in

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
ROPES = ("default", "linear", "llama3", "yarn")
DTYPES = ("float32", "float16", "bfloat16")
PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
VOCABULARY = 400
CHAT_TEMPLATE = ("{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] | trim }}<|im_end|>\n{% endfor %}"
                 "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")


@dataclass(frozen=True)
class Shape:
    family: str
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    hidden: int
    intermediate: int
    context: int
    rope: str
    sliding_window: int | None
    biased: bool
    tied: bool
    dtype: str
    shard_size: str


def make_model(shape: Shape, folder: Path, seed: int) -> None:
    tokenizer = _tokenizer()
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(_config(shape, tokenizer))
    _fill(model)
    model.generation_config.eos_token_id = [tokenizer.eos_token_id]
    model.to(getattr(torch, shape.dtype)).save_pretrained(folder, max_shard_size=shape.shard_size)
    # For some families transformers replaces the file's splitting rules by its own: store those in the file.
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)


def _config(shape: Shape, tokenizer):
    own = {"llama": {"attention_bias": shape.biased, "mlp_bias": shape.biased},
           "mistral": {"sliding_window": shape.sliding_window},
           "qwen2": _qwen_window(shape), "qwen3": {"attention_bias": shape.biased, **_qwen_window(shape)}}
    return AutoConfig.for_model(
        shape.family, vocab_size=len(tokenizer), num_hidden_layers=shape.layers, num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads, head_dim=shape.head_dim, hidden_size=shape.hidden,
        intermediate_size=shape.intermediate, max_position_embeddings=shape.context, rms_norm_eps=1e-5,
        tie_word_embeddings=shape.tied, bos_token_id=None, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id, rope_parameters=_rope(shape), **own[shape.family])


def _qwen_window(shape: Shape) -> dict:
    """Qwen has windows in the layers from `max_window_layers` on only."""
    if shape.sliding_window is None:
        return {"use_sliding_window": False}
    return {"use_sliding_window": True, "sliding_window": shape.sliding_window, "max_window_layers": shape.layers // 2}


def _rope(shape: Shape) -> dict:
    """Factors that affect every prompt: the original context is a quarter of the model's."""
    original = shape.context // 4
    return {"rope_type": shape.rope, "rope_theta": 10000.0, **{
        "default": {}, "linear": {"factor": 4.0},
        "llama3": {"factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": original},
        "yarn": {"factor": 4.0, "original_max_position_embeddings": original}}[shape.rope]}


@torch.no_grad()
def _fill(model) -> None:
    """Large enough that logits differ clearly and every layer matters. Norms and biases have an effect."""
    for name, weight in model.named_parameters():
        if weight.dim() == 1:
            weight.normal_(1.0 if "norm" in name else 0.0, 0.1)
        elif "embed_tokens" in name:
            weight.normal_(0.0, 0.6)
        else:
            weight.normal_(0.0, weight.shape[1] ** -0.5)


def _tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    texts = built_in()
    tokenizer.train_from_iterator(
        texts.prompts + [text for pair in texts.pairs for text in pair], trainers.BpeTrainer(
            vocab_size=VOCABULARY, special_tokens=[AddedToken(t, special=True) for t in (PAD, START, END)],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=PAD, eos_token=END,
                                   clean_up_tokenization_spaces=False, chat_template=CHAT_TEMPLATE)
