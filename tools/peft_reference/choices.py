"""The boundaries that are chosen from a curve; docs/calibration.md defines them. Rows are examples, columns boundaries."""
import math

TIE = 1e-6   # nats per token: closer values are equal, and the smaller boundary is chosen


def curve(scores: list[list[float]]) -> list[float]:
    return [sum(column) / len(scores) for column in zip(*scores)]


def best(scores: list[list[float]]) -> int:
    means = curve(scores)
    return next(b for b, mean in enumerate(means) if mean >= max(means) - TIE)


def one_standard_error(scores: list[list[float]]) -> int:
    """The smallest boundary whose paired difference from the best is within one standard error."""
    top = best(scores)
    return next((b for b in range(top) if _within_one_standard_error([row[top] - row[b] for row in scores])), top)


def no_worse_than_full(scores: list[list[float]]) -> int:
    """The smallest boundary that is not worse than full LoRA."""
    means = curve(scores)
    return next(b for b, mean in enumerate(means) if mean >= means[-1] - TIE)


def _within_one_standard_error(losses: list[float]) -> bool:
    mean = sum(losses) / len(losses)
    if len(losses) < 2:
        return True   # one example has no standard error
    variance = sum((loss - mean) ** 2 for loss in losses) / (len(losses) - 1)
    return mean <= math.sqrt(variance / len(losses)) + TIE
