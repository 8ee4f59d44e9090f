"""How the runner talks to a system: one JSON object a line, a question on stdin, its answer on stdout.

open     {"do": "open", "model": DIR, "adapters": [DIR, ...], "check": DIR or null, "threads": N, ...}
         -> {"versions": {...}, "precision": "..."}
greedy   {"do": "greedy", "prompt": TEXT, "tokens": N, "adapter": "check" or null} -> {"prompt": [ids], "tokens": [ids]}
measure  {"do": "measure", "prompts": [[ids], ...], "adapters": [index or null, ...], "new_tokens": N, "layers": null}
         -> {"rows": [{"first": seconds, "last": seconds, "tokens": N}, ...]}

Row i of `measure` runs prompt i with adapter i, all rows at once, greedily, for exactly new_tokens tokens whatever they
are. Times count from the moment the system has all rows. The runner alone turns them into rates.
What a system cannot do it answers with {"unsupported": reason}, what fails with {"error": message}.
"""
import json
import os
import sys
import traceback


class Unsupported(Exception):
    pass


def serve(system):
    """Answers until stdin ends. Whatever the libraries print goes to stderr: stdout belongs to the answers."""
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
    """The answer to `measure` of a system whose rows all run step by step together."""
    return {"rows": [{"first": first, "last": last, "tokens": tokens}] * rows}
