#!/usr/bin/env python3
"""Draws recorded output of a command as a picture of a terminal, in SVG. It needs only Python's standard library.

    bin/tidemark demo 2>&1 | tee demo.txt
    python tools/terminal_picture.py demo.txt docs/pictures/demo.svg --command 'bin/tidemark demo' --lines 12-20,41-60

The text is that of the file. Lines that --lines leaves out are shown as one line with an ellipsis, and a line above
--columns characters is cut. Colours and other control sequences of the terminal are removed.
"""
import argparse
import pathlib
import re
from xml.sax.saxutils import escape

CONTROL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07]*(?:\x07|\x1b\\))")   # CSI and OSC sequences
WIDTH, HEIGHT, MARGIN = 8.4, 19, 16   # of a character, of a line, around the text
BACKGROUND, TEXT, COMMAND, FAINT = "#111827", "#e5e7eb", "#93c5fd", "#9ca3af"
ELLIPSIS = "…"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("recording", type=pathlib.Path)
    parser.add_argument("picture", type=pathlib.Path)
    parser.add_argument("--command", required=True, help="the command of the recording, for the first line and the title")
    parser.add_argument("--lines", help="ranges of lines to show, such as 1-8,20-31; the first line is 1; default: all")
    parser.add_argument("--columns", type=int, default=120)
    options = parser.parse_args()

    recorded = read(options.recording)
    try:
        shown = select(recorded, options.lines)
    except ValueError as e:
        parser.error(str(e))
    options.picture.write_text(draw(options.command, shown, options.columns), encoding="utf-8")


def read(recording):
    """The lines as a terminal shows them at the end: after a carriage return, a line begins again."""
    lines = CONTROL.sub("", recording.read_text(encoding="utf-8")).replace("\r\n", "\n").split("\n")
    lines = [line.rstrip("\r").rpartition("\r")[2].expandtabs().rstrip() for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def select(lines, ranges):
    """The lines of the ranges, with an ellipsis for each gap."""
    if ranges is None:
        return lines
    shown, end = [], 0
    for part in ranges.split(","):
        bounds = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        if not bounds:
            raise ValueError(f"--lines: '{part}' is not a range such as 3-9")
        first, last = int(bounds[1]), int(bounds[2] or bounds[1])
        if not end < first <= last <= len(lines):
            raise ValueError(f"--lines: {part} is not ascending, or is beyond line {len(lines)}, the last one")
        if first > end + 1:
            shown.append(ELLIPSIS)
        shown += lines[first - 1:last]
        end = last
    if end < len(lines):
        shown.append(ELLIPSIS)
    return shown


def draw(command, lines, columns):
    rows = [("$ " + command, COMMAND)] + [(line, FAINT if line == ELLIPSIS else TEXT) for line in lines]
    rows = [(text if len(text) <= columns else text[:columns - 1] + ELLIPSIS, colour) for text, colour in rows]
    width = 2 * MARGIN + WIDTH * max(len(text) for text, _ in rows)
    height = 2 * MARGIN + HEIGHT * len(rows)
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img" '
           'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14">',
           f"<title>Output of {escape(command)}</title>",
           f'<rect width="{width:.0f}" height="{height}" rx="8" fill="{BACKGROUND}"/>']
    for row, (text, colour) in enumerate(rows):
        indent = len(text) - len(text.lstrip())
        text = text.strip()
        if text:
            # textLength keeps columns aligned, whatever the width of the viewer's font
            svg.append(f'<text x="{MARGIN + WIDTH * indent:.1f}" y="{MARGIN + HEIGHT * row + 14}" fill="{colour}" '
                       f'textLength="{WIDTH * len(text):.1f}" lengthAdjust="spacingAndGlyphs" xml:space="preserve">'
                       f"{escape(text)}</text>")
    return "\n".join(svg + ["</svg>"]) + "\n"


if __name__ == "__main__":
    main()
