"""Asks for an answer that a JSON Schema accepts, and parses it.

    python json_answer.py BROKER ADAPTER
"""
import json
import sys

from confluent_kafka import Consumer, Producer

from generate import from_now, result_of, send

PROMPT = "Restaurant text: The Mill is a family friendly pub at the riverside. It serves Italian food.\nFacts:"
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 40},
        "eatType": {"enum": ["pub", "restaurant", "coffee shop"]},
        "familyFriendly": {"type": ["boolean", "null"]},
    },
    "required": ["name", "eatType", "familyFriendly"],
    "additionalProperties": False,   # otherwise the model may add fields
}


def main(broker, adapter):
    results = Consumer({"bootstrap.servers": broker, "group.id": "unused", "enable.auto.commit": False,
                        "isolation.level": "read_committed"})
    from_now(results, "generation-results")
    request = {"model": adapter, "prompt": PROMPT, "max_tokens": 200, "temperature": 0,
               "response_format": {"type": "json_schema", "json_schema": {"name": "restaurant", "schema": SCHEMA}}}
    source = send(Producer({"bootstrap.servers": broker}), "generation-requests", adapter, request)
    result = result_of(source, results, seconds=60)
    results.close()
    if result["object"] == "error":   # such as unsupported_format
        sys.exit(f"{result['error']['code']}: {result['error']['message']}")
    choice = result["choices"][0]
    if choice["finish_reason"] != "stop":   # the text is only the beginning of a document
        sys.exit(f"the answer ended with {choice['finish_reason']}: {choice['text']}")
    facts = json.loads(choice["text"])
    print(f"eatType is {facts['eatType']}: {facts}")


if __name__ == "__main__":
    main(*sys.argv[1:])
