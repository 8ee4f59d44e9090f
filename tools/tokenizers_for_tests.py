"""Writes src/test/resources/tokenizers: three small tokenizers of common kinds, and their output in transformers.

    pip install transformers tokenizers
    python tools/tokenizers_for_tests.py
"""
import json
import pathlib
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

HERE = pathlib.Path(__file__).resolve().parent.parent / "src/test/resources/tokenizers"
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
SPECIAL = ["<unk>", "<s>", "</s>"]
CORPUS = [
    "The boundary layer of an adapter is where its weights end; the tide leaves a mark on the wall.",
    "In 2026 there were 1,024 requests, 37 of them late, and none was lost: it's what we'd hoped for.",
    "Ein Tisch in Köln für drei Personen, bitte. Où est la gare? ¿Qué hora es? Привет, мир.",
    "def step(rows):\n    for row in rows:\n\trow.run()\n\n",
    "  two spaces and   three, a tab\tand a line\nthat ends",
]
TEXTS = CORPUS + [
    "", " ", "  leading", "trailing  ", "\n\n\n", "e\u0301 and \u00e9, n\u0303, \u1100\u1161\u11a8", "日本語の文章です。한국어 中文",
    "שלום עולם, مرحبا بالعالم \u200f\u202b", "🙂 👩‍👩‍👧‍👦 🇩🇪 ☝🏽", "𝔘𝔫𝔦 \ufffd real \ufffd", "<s>not</s> <unk> <|call|> <0xE2><0x82>",
    "a<|call|>b <|call|>  c", "\u2581 \u2581x", "\u00a0\u3000\u2028", "x" * 300, "don't, DON'T, we'll", "123456 3.14159 1e-7",
]


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    split = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(split), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=420, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return tokenizer


def sentencepiece_bpe():
    learnt = Tokenizer(models.BPE())
    learnt.pre_tokenizer = pre_tokenizers.Metaspace()
    learnt.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=160, show_progress=False))
    learnt = json.loads(learnt.to_str())["model"]
    names = SPECIAL + BYTES + [piece for piece in learnt["vocab"] if piece not in SPECIAL]
    merges = [tuple(merge) for merge in learnt["merges"]]
    tokenizer = Tokenizer(models.BPE({name: at for at, name in enumerate(names)}, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def sentencepiece_unigram():
    learnt = Tokenizer(models.Unigram())
    learnt.pre_tokenizer = pre_tokenizers.Metaspace()
    learnt.train_from_iterator(CORPUS, trainers.UnigramTrainer(vocab_size=200, show_progress=False))
    pieces = [tuple(piece) for piece in json.loads(learnt.to_str())["model"]["vocab"] if piece[0] not in SPECIAL]
    vocabulary = [(name, 0.0) for name in SPECIAL] + [(name, -20.0) for name in BYTES] + pieces
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=0, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(replacement="▁", prepend_scheme="first")])
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def finished(tokenizer):
    tokenizer.add_tokens([AddedToken("<|call|>", normalized=False, special=False), AddedToken("<pad>", special=True)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))])
    return tokenizer


def expectations(folder, size):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    random.seed(11)
    decoded = [[random.randrange(size) for _ in range(random.randrange(1, 24))] for _ in range(60)]
    return {
        "encoded": [{"text": text, "ids": tokenizer.encode(text), "plain": tokenizer.encode(text, add_special_tokens=False)} for text in TEXTS],
        "decoded": [{"ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=True)} for ids in decoded],
    }


def main():
    kinds = {"byte-level": byte_level, "sentencepiece-bpe": sentencepiece_bpe, "sentencepiece-unigram": sentencepiece_unigram}
    for name, make in kinds.items():
        folder = HERE / name
        folder.mkdir(parents=True, exist_ok=True)
        tokenizer = finished(make())
        (folder / "tokenizer.json").write_text(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False) + "\n", "utf-8")
        # Contradicts tokenizer.json, which takes precedence.
        config = {"add_bos_token": False, "add_eos_token": True, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
                  "clean_up_tokenization_spaces": name != "sentencepiece-unigram", "tokenizer_class": "PreTrainedTokenizerFast"}
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
        expected = expectations(folder, tokenizer.get_vocab_size())
        (folder / "expected.json").write_text(json.dumps(expected, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
