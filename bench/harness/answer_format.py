"""The format of the answers of a variant, and the request fields for it."""
import itertools
import json
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

FIELDS = {"response_format", "structured_outputs"}


@dataclass(frozen=True)
class AnswerFormat:
    """Which answers a variant asks for. Without fields they are free text.

    name: of its file; fields: a format as it is in a request; renamed: a string in them, such as a property, that each request
    replaces by a new one, so that the worker has not compiled the format before; document_tokens: if not None, each answer is
    a whole document, and this is `max_tokens`. Otherwise each answer ends at the number of new tokens that its request asks for:
    lengths: the smallest and the largest of these numbers for free text; None: all requests ask for the number of their cell.
    """
    name: str = "free text"
    fields: dict = field(default_factory=dict)
    renamed: str | None = None
    document_tokens: int | None = None
    lengths: tuple[int, int] | None = None

    @classmethod
    def read(cls, file, renamed=None, document_tokens=None):
        """Raises ValueError if the file has no format, or a format without the string."""
        fields = json.loads(Path(file).read_text(encoding="utf-8"))
        if not isinstance(fields, dict) or len(fields) != 1 or not set(fields) <= FIELDS:
            raise ValueError(f"{file} must be an object with either response_format or structured_outputs")
        if renamed and json.dumps(renamed) not in json.dumps(fields):
            raise ValueError(f"{file} has no string \"{renamed}\" that could be renamed")
        return cls(Path(file).name, fields, renamed, document_tokens)

    @classmethod
    def free_text(cls, lengths):
        """Free text with the lengths of a range such as 60-250. Raises ValueError if this is no range."""
        found = re.fullmatch(r"([0-9]+)-([0-9]+)", lengths)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise ValueError(f"new-tokens is '{lengths}', but must be LOW-HIGH, the least and the most new tokens, such as 60-250")
        return cls(lengths=(int(found[1]), int(found[2])))

    def new_tokens(self, cell_tokens):
        """The numbers of new tokens that the requests of a measurement ask for, in the order of sending, without an end.

        They are the same in each measurement: each of the lengths is equally probable, and the seed is fixed.
        """
        if self.lengths is None:
            return itertools.repeat(cell_tokens)
        drawn = random.Random(0)
        return (drawn.randint(*self.lengths) for _ in itertools.count())

    def request_fields(self, number, new_tokens):
        """The fields of a request; no other request has the same number."""
        if not self.fields:
            return {"max_tokens": new_tokens, "ignore_eos": True}  # ignore_eos with a format is refused
        fields = self.fields
        if self.renamed:
            fields = json.loads(json.dumps(fields).replace(json.dumps(self.renamed), json.dumps(f"{self.renamed}_{letters(number)}")))
        return {"max_tokens": self.document_tokens or new_tokens, **fields}

    def fault(self, tokens, finish_reason, new_tokens):
        """What is wrong with the end of an answer, or None."""
        if self.document_tokens:
            return None if finish_reason == "stop" else f"is no whole document after {tokens} tokens ({finish_reason})"
        if tokens != new_tokens:
            return f"has {tokens} tokens instead of {new_tokens} ({finish_reason})"
        return None if finish_reason == "length" else f"ended with {finish_reason} after {tokens} tokens"


def letters(number):
    """A number in letters. The tokens of a name with digits would be one for each digit."""
    return (letters(number // 26) if number >= 26 else "") + chr(ord("a") + number % 26)
