"""Draws the course of keda_course.py: python picture.py COURSE.json OUT.svg (needs matplotlib)"""
import json
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

ANSWER_SECONDS = 10   # over which answers are counted


def main():
    with open(sys.argv[1]) as file:
        course = json.load(file)
    matplotlib.rcParams["svg.hashsalt"] = "tidemark"   # the same course gives the same file
    samples = course["samples"]
    at = [each["at"] for each in samples]
    figure, (work, replicas, answers) = plt.subplots(3, 1, figsize=(9, 7), sharex=True)
    work.plot(at, [each["work_seconds"] or 0 for each in samples], color="C0", label="work_seconds")
    work.axhline(5, color="gray", linewidth=0.8, linestyle=":", label="threshold of work for each worker")
    work.set_ylabel("seconds of work")
    work.legend(fontsize=8, loc="upper right")
    replicas.step(at, [each["wanted"] for each in samples], where="post", color="C1", label="wanted by KEDA")
    replicas.step(at, [each["ready"] for each in samples], where="post", color="C2", linestyle="--", label="ready")
    replicas.plot(at, [(each["load_workers"] or 0) / 0.6 for each in samples], color="gray", linewidth=0.8,
                  label="load_workers / 0.6")
    replicas.set_ylabel("workers")
    replicas.legend(fontsize=8, loc="upper right")
    arrivals = [sent for sent, _ in course["requests"]]
    results = [answered for _, answered in course["requests"] if answered is not None]
    edges = range(0, int(at[-1]) + ANSWER_SECONDS, ANSWER_SECONDS)
    for times, label, color in ((arrivals, "requests", "C3"), (results, "answers", "C0")):
        counts = [sum(edge <= time < edge + ANSWER_SECONDS for time in times) / ANSWER_SECONDS for edge in edges]
        answers.step(edges, counts, where="post", color=color, label=label, linewidth=1)
    answers.set_ylabel("per second")
    answers.set_xlabel("seconds since the first request")
    answers.legend(fontsize=8, loc="upper right")
    figure.suptitle(f"KEDA and k8s/overlays/cpu, demo model, two nodes on two cores of {course['machine']}", fontsize=10)
    figure.tight_layout()
    figure.savefig(sys.argv[2], metadata={"Date": None})


if __name__ == "__main__":
    main()
