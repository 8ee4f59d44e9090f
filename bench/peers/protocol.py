"""Protocol between the runner and a system: one JSON object per line, questions on stdin, answers on stdout.

open     {"do": "open", "model": DIR, "adapters": [DIR, ...], "check": DIR or null, "threads": N, ...}
         -> {"versions": {...}, "precision": "..."}
greedy   {"do": "greedy", "prompt": TEXT, "tokens": N, "adapter": "check" or null} -> {"prompt": [ids], "tokens": [ids]}
measure  {"do": "measure", "prompts": [[ids], ...], "adapters": [index or null, ...], "new_tokens": N, "layers": null}
         -> {"rows": [{"first": seconds, "last": seconds, "tokens": N}, ...]}

Row i of `measure` runs prompt i with adapter i, all rows at once, greedily, for exactly new_tokens tokens. Times count
from the moment at which the system has all rows. The runner converts them to rates.
The answer to an unsupported question is {"unsupported": reason}, and after a failure {"error": message}.
"""
import json
import os
import sys
import traceback


class Unsupported(Exception):
    pass


def serve(system):
    """Answers questions until stdin ends. Output of libraries goes to stderr, because stdout is for answers only."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = getattr(system, question.pop("do"))(**question)
        except Unsupported as reason:
            answer = {"unsupported": str(reason)}
        except Exception as failure:
            traceback.print_exc()
            answer = {"error": f"{type(failure).__name__}: {failure}"[:500]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def lockstep(rows, first, last, tokens):
    """The answer to `measure` of a system that runs all rows in lockstep."""
    return {"rows": [{"first": first, "last": last, "tokens": tokens}] * rows}
