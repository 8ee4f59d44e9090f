#!/usr/bin/env python3
"""Writes src/test/resources/metrics/expected.json: values of rouge-score and sacrebleu for a few texts, for tests of the metrics.

    pip install -r tools/metrics/requirements.txt
    python tools/metrics/expectations.py src/test/resources/metrics/expected.json
"""
import json
import sys
from pathlib import Path

from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

# Each corpus is a list of texts, each with its references.
CORPORA = {
    "same text": [("The Eagle serves cheap fish near the river.", ["The Eagle serves cheap fish near the river."])],
    "several references": [
        ("The Vaults is a cheap Italian pub in the city centre, near Rainbow Café.",
         ["The Vaults is a pub near Rainbow Café in the city centre. It serves cheap Italian food.",
          "In the city centre, near Rainbow Café, The Vaults is a cheap Italian pub."]),
        ("Cocum is a coffee shop with a high rating of 5 out of 5.",
         ["Cocum, a coffee shop, is rated 5 out of 5.", "There is a coffee shop called Cocum; its customers rate it 5 out of 5.",
          "Cocum is a highly rated coffee shop."])],
    "more references for one than for another": [
        ("a b c d e f g", ["a b c x e f g"]), ("the cat sat on the mat", ["the cat is on the mat", "there is a cat on the mat"])],
    "numbers, prices and punctuation": [
        ("It costs £20-25, i.e. 1,000.50 & more -- \"cheap\"?", ["It costs £20-25, that is 1,000.5 and more: cheap!"]),
        ("Family-friendly: no. (See http://x.org/a-b)", ["Not family-friendly. See http://x.org/a-b"])],
    "line breaks and entities": [("a line-\nbroken word\nand &quot;two&quot; &amp; &lt;three&gt;", ["a linebroken word and \"two\" & <three>"])],
    "letters beyond ASCII": [("Größe für Łódź: 東京 schön", ["Größe von Łódź: 東京 ist schön"])],
    "repeated words are clipped": [("the the the the the the the", ["the cat is on the mat", "there is a cat on the mat"])],
    "no four words in common": [("one two three four five", ["five four three two one"])],
    "shorter than four words": [("two words", ["two words here"])],
    "nothing in common": [("alpha beta gamma delta", ["one two three four"])],
    "empty text": [("", ["something was expected here"]), ("as it is", ["as it is"])],
    "too short": [("The Eagle", ["The Eagle is a pub by the river, and its food is cheap."])],
}


def main(out: Path) -> None:
    rouge, tokens = rouge_scorer.RougeScorer(["rougeL"]), Tokenizer13a()
    expected = [{"name": name, "texts": [{
        "text": text, "references": references, "tokens": tokens(text).split(),
        "rouge_l": rouge.score_multi(references, text)["rougeL"].fmeasure} for text, references in corpus], "bleu": bleu(corpus)}
        for name, corpus in CORPORA.items()]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def bleu(corpus) -> float:
    """Corpus BLEU with sacrebleu's defaults: 13a tokens, mixed case, exponential smoothing."""
    widest = max(len(references) for _, references in corpus)
    columns = [[references[i] if i < len(references) else None for _, references in corpus] for i in range(widest)]
    return BLEU().corpus_score([text for text, _ in corpus], columns).score


if __name__ == "__main__":
    main(Path(sys.argv[1]))
