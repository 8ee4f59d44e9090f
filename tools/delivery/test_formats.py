"""Tests of the judge of formats: python -m unittest discover -s tools/delivery

The answers are written by hand; a judge must find each that does not match.
"""
import json
import random
import unittest

from formats import MAX_TOKENS, SCHEMAS, FormatRequests, Judge
from random_formats import GRAMMARS, REFUSED, Format, RandomFormats, of_choice, of_parentheses, of_regex, of_schema
from records import Schema

RESTAURANT = json.loads((SCHEMAS / "restaurant.schema.json").read_text("utf-8"))
VALID = {"name": "The Mill", "eatType": "pub", "food": "Italian", "area": None, "familyFriendly": True}


class JudgesOfTextsTest(unittest.TestCase):

    def finds(self, judge, text, what):
        self.assertIn(what, str(judge(text)))

    def test_a_document_that_the_schema_accepts(self):
        judge = of_schema(RESTAURANT)
        self.assertIsNone(judge(json.dumps(VALID)))
        self.assertIsNone(judge(json.dumps(VALID, separators=(",", ":"))))

    def test_each_alteration_of_a_document(self):
        judge = of_schema(RESTAURANT)
        for altered in [{**VALID, "name": ""}, {**VALID, "name": "x" * 41}, {**VALID, "eatType": "Pub"}, {**VALID, "food": 1},
                        {**VALID, "area": False}, {**VALID, "familyFriendly": 1}, {**VALID, "stars": 3}, [VALID],
                        {name: VALID[name] for name in VALID if name != "food"}]:
            self.assertIsNotNone(judge(json.dumps(altered)), altered)

    def test_what_is_no_json(self):
        judge, text = of_schema(RESTAURANT), json.dumps(VALID)
        for cut in range(len(text)):
            self.finds(judge, text[:cut], "not JSON")
        self.finds(judge, text + "}", "not JSON")
        self.finds(judge, text[:-1] + ', "food": "Italian"}', "a name is repeated")
        self.finds(of_schema({"type": "number"}), "NaN", "not JSON")

    def test_a_string_that_is_not_of_its_format(self):
        judge = of_schema({"type": "string", "format": "date"})
        self.assertIsNone(judge('"2024-02-29"'))
        self.finds(judge, '"2023-02-29"', "is not a 'date'")
        self.finds(of_schema({"type": "string", "format": "ipv4"}), '"1.2.3.256"', "is not a 'ipv4'")

    def test_an_expression_matches_the_whole_text(self):
        judge = of_regex("^[a-c]{2}$")
        self.assertIsNone(judge("ab"))
        for text in ("abc", "a", "ab\n", " ab", ""):
            self.finds(judge, text, "no match")

    def test_a_choice_is_a_whole_text(self):
        judge = of_choice(["not", "not yet"])
        self.assertIsNone(judge("not"))
        self.assertIsNone(judge("not yet"))
        self.finds(judge, "not ", "none of")

    def test_the_texts_of_the_grammars(self):
        facts = of_regex(GRAMMARS[0][1])
        self.assertIsNone(facts("name[The Mill], food[x]"))
        self.assertIsNotNone(facts("name[The Mill],food[x]"))
        self.assertIsNone(of_parentheses("(((12)))"))
        for text in ("((1)", "(1))", "(1234)", "1", "(a)"):
            self.assertIsNotNone(of_parentheses(text), text)


class RandomFormatsTest(unittest.TestCase):

    @staticmethod
    def formats(seed=7, count=600):
        formats = RandomFormats(random.Random(seed), [RESTAURANT])
        return [formats.next() for _ in range(count)]

    def test_all_kinds_and_all_keywords_occur(self):
        formats = self.formats(count=1000)
        self.assertEqual(set(RandomFormats.KINDS), {each.kind for each in formats})
        text = json.dumps([each.fields for each in formats if each.kind == "schema"])
        for keyword in ("enum", "const", "minLength", "maxLength", "pattern", "format", "minimum", "exclusiveMaximum", "multipleOf",
                        "required", "additionalProperties", "patternProperties", "minProperties", "minItems", "maxItems",
                        "prefixItems", "anyOf", "oneOf", "allOf", "$ref", "$defs"):
            self.assertIn(f'"{keyword}"', text)
        refused = [each for each in formats if each.kind == "refused"]
        self.assertEqual(len(REFUSED), len({json.dumps(each.fields) for each in refused}))
        self.assertTrue(all(each.error and each.judge is None for each in refused))

    def test_a_schema_refuses_some_document(self):
        for each in self.formats():
            if each.kind == "schema":
                self.assertIsNotNone(each.judge('{"unexpected": [[]]}'), each.fields)

    def test_the_seed_decides_the_formats(self):
        one, two = ([each.fields for each in self.formats()] for _ in range(2))
        self.assertEqual(one, two)
        self.assertNotEqual(one, [each.fields for each in self.formats(8)])

    def test_requests_are_valid_and_their_number_is_limited(self):
        requests, schema = FormatRequests(random.Random(7), 300, ["a prompt"], [RESTAURANT]), Schema("request")
        self.assertEqual((24, 1, -1), tuple(map(requests.pace, (0, 23, 25))))
        records = [requests.next() for _ in range(300)]
        self.assertEqual(0, requests.pace(0))
        self.assertEqual([None] * 300, [schema.fault(json.loads(record.value)) for record in records])
        self.assertEqual([record.id for record in records], list(requests.sent))


class JudgeTest(unittest.TestCase):

    FORMATS = {"a": Format("choice", {}, of_choice(["yes", "no"])), "b": Format("schema", {}, of_schema(RESTAURANT)),
               "r": Format("refused", {}, None, "unsupported_format")}
    REFUSAL = {"error": {"code": "unsupported_format", "message": "m"}}

    def failures(self, a="yes", b=json.dumps(VALID), reason="stop", refusal=None, more=()):
        judge = Judge(self.FORMATS, 3)
        for name, text in (("a", a), ("b", b)):
            judge.take({"id": name, "choices": [{"text": text, "finish_reason": reason}]})
        judge.take({"id": "r", **(refusal or self.REFUSAL)})
        for result in more:
            judge.take(result)
        return judge.failures(), judge.summary()

    def test_answers_that_match_and_an_expected_refusal(self):
        failures, summary = self.failures()
        self.assertEqual([], failures)
        self.assertIn("valid: 2 (choice 1, schema 1); ", summary)
        self.assertIn("refused as expected: 1 (unsupported_format 1); other errors: 0; faults: 0", summary)

    def test_an_altered_answer(self):
        failures, summary = self.failures(b=json.dumps({**VALID, "eatType": "bar"}))
        self.assertEqual(1, len(failures))
        self.assertIn("b with the format", failures[0])
        self.assertIn("faults: 1", summary)
        self.assertEqual(2, len(self.failures(a="maybe", b="{}")[0]))

    def test_each_choice_is_judged(self):
        judge = Judge(self.FORMATS, 1)
        judge.take({"id": "a", "choices": [{"text": text, "finish_reason": "stop"} for text in ("yes", "maybe")]})
        self.assertEqual(1, len(judge.failures()))

    def test_too_many_answers_that_are_cut(self):
        failures, summary = self.failures(a="ye", b="{", reason="length")
        self.assertEqual(["2 of 2 answers are cut, more than 10%"], failures)
        self.assertIn(f"cut at {MAX_TOKENS} tokens: 2 (choice 1, schema 1)", summary)

    def test_another_end(self):
        self.assertIn("the finish_reason deadline", self.failures(reason="deadline")[0][0])

    def test_an_unexpected_error_and_an_unexpected_answer(self):
        error = {"id": "a", "error": {"code": "grammar_failed", "message": "m"}}
        judge = Judge(self.FORMATS, 1)
        judge.take(error)
        self.assertIn("the error grammar_failed: m", judge.failures()[0])
        for other in ({"error": {"code": "format_too_slow"}}, {"choices": [{"text": "yes", "finish_reason": "stop"}]}):
            self.assertEqual(1, len(self.failures(refusal=other)[0]), other)

    def test_a_repeated_a_foreign_and_a_missing_result(self):
        yes = {"choices": [{"text": "yes", "finish_reason": "stop"}]}
        self.assertEqual(["a: a second result"], self.failures(more=[{"id": "a", **yes}])[0])
        self.assertEqual(["x: a result without a request"], self.failures(more=[{"id": "x", **yes}])[0])
        self.assertEqual(["0 of 3 requests have a result"], Judge(self.FORMATS, 3).failures())


if __name__ == "__main__":
    unittest.main()
