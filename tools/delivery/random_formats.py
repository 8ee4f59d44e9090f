"""Random formats of answers, each with a judge of the answers that shares no code with the workers.

Answers to a schema are judged by `jsonschema`, answers to an expression by Python's `re`. The random numbers decide the
formats. Documents are short, so that most answers end within a few hundred tokens. Nothing here sends a request.
"""
import dataclasses
import json
import re
from collections.abc import Callable

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from records import parse_json

NAMES = ["name", "area", "food", "n", "é", "two words", 'a"b', "x-1"]
VALUES = ["pub", "coffee shop", "", "é\"\n", 3, -1.5, None, True, {"k": [1, "x"]}]
# bounded, and bounded only together with maxLength
PATTERNS = ["^[a-z]{1,6}$", r"^\d{1,3}-\w{0,4}$", "^[^a]{1,8}$", "^.{2,5}$", "^(a|bc){1,3}$", "^(?:yes|no)?$"]
LOOSE_PATTERNS = ["ab", "x|^y", "[0-9]$", "^T"]
FORMATS = ["date", "ipv4"]
CHOICES = ["yes", "no", "not", "not yet", "1", "10", "é", "the inn", '"quoted"', "two\nlines", "name[The Mill]"]
PIECES = ["[a-z]", "[A-Z]", "[0-9]", "[^x]", ".", "[é-ü]", "the ", "é", r"\.", r"\[", "(?:ab|c)", "(?:yes|no|not yet)"]
QUANTIFIERS = ["", "", "?", "{2}", "{1,3}", "{0,6}"]
# with an expression for the same texts
GRAMMARS = [("start: FACT (\", \" FACT)?\nFACT: NAME \"[\" VALUE \"]\"\nNAME: \"name\" | \"food\" | \"area\"\nVALUE: /[A-Za-z ]{1,12}/",
             r"(name|food|area)\[[A-Za-z ]{1,12}\](, (name|food|area)\[[A-Za-z ]{1,12}\])?"),
            ('start: "(" (start | /[0-9]{1,3}/)? ")"', None)]
# what cannot be enforced, and the error
REFUSED = [({"json": {"not": {"type": "string"}}}, "unsupported_format"),
           ({"json": {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}}, "unsupported_format"),
           ({"json": {"type": "array", "contains": {"const": 1}}}, "unsupported_format"),
           ({"json": {"if": {"required": ["a"]}, "then": {"required": ["b"]}}}, "unsupported_format"),
           ({"json": {"properties": {"a": {"$ref": "https://example.com/schema"}}}}, "unsupported_format"),
           ({"json": {"type": "string", "pattern": "^(?=a)"}}, "unsupported_format"),
           ({"json": {"type": "string", "format": "iri"}}, "unsupported_format"),
           ({"json": {"type": "string", "maxLength": 10 ** 6}}, "format_too_large"),
           ({"regex": "(?=a)b"}, "unsupported_format"),
           ({"regex": r"(a)\1"}, "unsupported_format"),
           ({"grammar": 'start: %json {"type": "string"}'}, "unsupported_format")]


@dataclasses.dataclass(frozen=True)
class Format:
    """A format, or one that must be refused."""
    kind: str
    fields: dict                                  # of the request that asks for it
    judge: Callable[[str], str | None] | None     # what is wrong with the text of an answer; None if nothing is
    error: str | None = None                      # the code of the refusal


def of_schema(schema):
    """The judge of texts that must be JSON that a schema of draft 2020-12 accepts, its `format` included."""
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)

    def judge(text):
        try:
            value = parse_json(text.encode("utf-8"), unique_names=True)
        except ValueError as e:
            return str(e)
        error = best_match(validator.iter_errors(value))
        return None if error is None else f"{error.json_path}: {error.message}"
    return judge


def of_regex(regex):
    """The judge of texts that an expression must match from their first to their last character."""
    pattern = re.compile(regex)
    return lambda text: None if pattern.fullmatch(text) else f"no match of {regex}"


def of_choice(texts):
    return lambda text: None if text in texts else f"none of {texts}"


def of_parentheses(text):
    """The judge of the second of GRAMMARS, which no expression describes."""
    inner = re.fullmatch(r"(\(+)([0-9]{0,3})(\)+)", text)
    return None if inner and len(inner[1]) == len(inner[3]) else "not nested parentheses"


class RandomSchemas:
    """Schemas whose documents have a limited number of values, unless a schema refers to itself."""

    def __init__(self, random):
        self._random = random
        self._definitions = {}
        self._sizes = {}

    def next(self, size):
        """A schema whose documents have at most about {size} scalar values."""
        self._definitions, self._sizes = {}, {}
        schema = self._schema(size)
        return {**schema, "$defs": self._definitions} if self._definitions else schema

    def _schema(self, size):
        leaves = [self._text, self._pattern, self._integer, self._number, self._enum, self._types]
        if size <= 1:
            return self._random.choice(leaves)()
        return self._random.choice([self._object] * 4 + [self._array, self._array, self._any_of, self._one_of, self._all_of,
                                                         self._reference, self._list])(size)

    def _text(self):
        least = self._random.randint(0, 3)
        return {"type": "string", "minLength": least, "maxLength": least + self._random.randint(0, 8)}

    def _pattern(self):
        r = self._random
        return r.choice([{"type": "string", "pattern": r.choice(PATTERNS)},
                         {"type": "string", "pattern": r.choice(LOOSE_PATTERNS), "maxLength": r.randint(4, 9)},
                         {"type": "string", "format": r.choice(FORMATS)}])

    def _integer(self):
        r = self._random
        least = r.randint(-50, 50)
        bounds = {r.choice(["minimum", "exclusiveMinimum"]): least, r.choice(["maximum", "exclusiveMaximum"]): least + r.randint(3, 900)}
        return {"type": "integer", **bounds, **({"multipleOf": 3} if r.random() < 0.3 else {})}

    def _number(self):
        r = self._random
        least = r.randint(-200, 200) / 4
        bounds = {r.choice(["minimum", "exclusiveMinimum"]): least, r.choice(["maximum", "exclusiveMaximum"]): least + r.randint(2, 400) / 4}
        return {"type": "number", **bounds, **({"multipleOf": 0.25} if r.random() < 0.5 else {})}

    def _enum(self):
        values = self._random.sample(VALUES, self._random.randint(1, 4))
        return {"const": values[0]} if len(values) == 1 else {"enum": values}

    def _types(self):
        return {"type": self._random.choice(["boolean", "null", ["boolean", "null"]])}

    def _object(self, size):
        r = self._random
        names = r.sample(NAMES, r.randint(1, min(size, 5)))
        properties = {name: self._schema(size // len(names)) for name in names}
        if r.random() < 0.75:
            return {"type": "object", "properties": properties, "required": [name for name in names if r.random() < 0.6],
                    "additionalProperties": False}
        # bounds on the number of properties need all named ones
        bounds = {"required": names, "maxProperties": len(names) + 1, **({"minProperties": len(names) + 1} if r.random() < 0.3 else {})}
        further = r.choice([{"patternProperties": {"^x[0-9]{1,2}$": self._schema(1)}, "additionalProperties": False},
                            {"additionalProperties": self._schema(1)}])
        return {"type": "object", "properties": properties, **bounds, **further}

    def _array(self, size):
        r = self._random
        most = r.randint(1, min(size, 4))
        schema = {"type": "array", "items": self._schema(size // most), "minItems": r.randint(0, most), "maxItems": most}
        if r.random() < 0.3:
            schema["prefixItems"] = [self._schema(1)]
        return schema

    def _any_of(self, size):
        return {"anyOf": [self._schema(size), self._schema(1)]}

    def _one_of(self, size):
        """Objects that a constant tells apart."""
        return {"oneOf": [{"type": "object", "properties": {"kind": {"const": kind}, "value": self._schema(size - 1)},
                           "required": ["kind", "value"], "additionalProperties": False} for kind in ("a", "b")]}

    def _all_of(self, size):
        names = self._random.sample(NAMES, 2)
        return {"type": "object", "properties": {name: {} for name in names}, "additionalProperties": False,
                "allOf": [{"properties": {names[0]: self._schema(size - 1)}, "required": names[:1]},
                          {"properties": {names[1]: self._schema(1)}}]}

    def _reference(self, size):
        fitting = [name for name, each in self._sizes.items() if each <= size]
        if fitting and self._random.random() < 0.5:
            return {"$ref": f"#/$defs/{self._random.choice(fitting)}"}
        schema = self._schema(size - 1)
        return self._defined(schema, size)

    def _list(self, size):
        """A list in which each item holds the next one."""
        name = f"d{len(self._definitions)}"
        following = {"anyOf": [{"type": "null"}, {"$ref": f"#/$defs/{name}"}]}
        return self._defined({"type": "object", "properties": {"value": {"type": "integer", "minimum": 0, "maximum": 99},
                                                               "next": following},
                              "required": ["value", "next"], "additionalProperties": False}, size)

    def _defined(self, schema, size):
        name = f"d{len(self._definitions)}"
        self._definitions[name], self._sizes[name] = schema, size
        return {"$ref": f"#/$defs/{name}"}


class RandomFormats:
    """Mostly schemas: random ones, and those that are given."""

    KINDS = {"schema": 66, "given schema": 4, "regex": 12, "choice": 6, "json_object": 3, "grammar": 4, "refused": 5}

    def __init__(self, random, given, size=6):
        """given: schemas that are used beside the random ones; size: of the largest random schema"""
        self._random = random
        self._given = given
        self._size = size
        self._schemas = RandomSchemas(random)

    def next(self):
        r = self._random
        kind = r.choices(list(self.KINDS), list(self.KINDS.values()))[0]
        if kind == "schema":
            return self._schema_format(kind, self._schemas.next(r.randint(1, self._size)))
        if kind == "given schema":
            return self._schema_format(kind, r.choice(self._given))
        if kind == "regex":
            regex = self._regex()
            return Format(kind, {"structured_outputs": {"regex": regex}}, of_regex(regex))
        if kind == "choice":
            texts = r.sample(CHOICES, r.randint(1, 6))
            return Format(kind, {"structured_outputs": {"choice": texts}}, of_choice(texts))
        if kind == "json_object":
            return Format(kind, {"response_format": {"type": "json_object"}}, of_schema({"type": "object"}))
        if kind == "grammar":
            lark, regex = r.choice(GRAMMARS)
            return Format(kind, {"structured_outputs": {"grammar": lark}}, of_regex(regex) if regex else of_parentheses)
        fields, error = r.choice(REFUSED)
        return Format(kind, {"structured_outputs": fields}, None, error)

    def _schema_format(self, kind, schema):
        fields = self._random.choice([{"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}},
                                      {"structured_outputs": {"json": schema}},
                                      {"structured_outputs": {"json": json.dumps(schema)}}])
        return Format(kind, fields, of_schema(schema))

    def _regex(self):
        r = self._random
        regex = "".join(r.choice(PIECES) + r.choice(QUANTIFIERS) for _ in range(r.randint(1, 4)))
        return r.choice([regex, f"^{regex}$", f"(?:{regex}|{r.choice(PIECES)})"])
