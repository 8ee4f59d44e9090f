"""Fails if a test class has no report, or if a report has no test: python3 check_reports.py, in the root of the checkout"""
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

SOURCES = Path("src/test/java")
REPORTS = {"Test": Path("target/surefire-reports"), "IT": Path("target/failsafe-reports")}
CUDA_REPORTS = Path("target/cuda-reports")


def main():
    expected = {(CUDA_REPORTS if '@Tag("cuda")' in source.read_text() else folder, ".".join(source.relative_to(SOURCES).with_suffix("").parts))
                for suffix, folder in REPORTS.items() for source in SOURCES.rglob(f"*{suffix}.java")}
    if not expected:
        sys.exit(f"no test class below {SOURCES}; run this in the root of the checkout")
    missing = [name for folder, name in sorted(expected) if tests(folder / f"TEST-{name}.xml") == 0]
    if missing:
        sys.exit(f"no result of {', '.join(missing)}; the runner stopped before it wrote the report, and its log has the reason")


def tests(report):
    return int(ElementTree.parse(report).getroot().get("tests")) if report.exists() else 0


main()
