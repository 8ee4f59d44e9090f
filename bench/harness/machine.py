"""The machine that a benchmark runs on."""
import os
import platform


def machine():
    """Its processor, number of cores and system, for a report."""
    return {"cpu": cpu(), "cores": os.cpu_count(), "system": platform.platform(terse=True)}


def cpu():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
