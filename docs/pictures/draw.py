"""Draw the pictures of the README: a terminal in which an image is made, and the map of a report.

    docker tag IMAGE nginx-light:latest  # with nginx-light of Debian, such as the tests' twtest/nginx
    tracewhale report flask.trace -o flask.html && python docs/pictures/draw.py flask.html

It takes an engine, chromium, and what the tests install.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from html import escape
from io import StringIO
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
CELLS = """() => { const map = document.getElementById("map").getBoundingClientRect();
    return [...document.querySelectorAll("#map .cell")].map(each => {
        const box = each.getBoundingClientRect();
        return [box.x - map.x, box.y - map.y, box.width, box.height, each.className,
            each.classList.contains("tiny") ? "" : each.firstChild?.textContent || ""];
    }) }"""
COLOURS = {
    "trace": "#c3dcf4", "loader": "#c6e7cd", "language": "#fbe0b0", "unit": "#dfd2f4", "rule": "#f8d0da",
    "other": "#dde2e7", "directory": "#ffffff", "removed": "url(#removed)",
}  # fmt: skip
LEGEND = {"trace": "the run used it", "loader": "the loader needs it", "language": "imported",
          "unit": "belongs to what was used", "rule": "a rule", "removed": "removed"}  # fmt: skip
WIDTH, HEIGHT = 980, 440
COMMAND = (
    "tracewhale run -t nginx-light:slim --keep touched --http / --http '/missing =404' nginx-light:latest"
)


def lines() -> list[str]:
    """Run the command; return it and the report that it prints, without its progress."""
    words = [sys.executable, "-m", *shlex.split(COMMAND)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    report = [line for line in done.stderr.splitlines() if line and not line.startswith("tracewhale: ")]
    return [f"$ {COMMAND}", *report]


def terminal() -> str:
    """The terminal's text as SVG; its fonts are those of the reader, not of another server."""
    console = Console(record=True, width=100, file=StringIO())
    for line in lines():
        text = Text(line)
        text.highlight_regex(r"^\$ .*", "bold")
        text.highlight_regex(r"^[a-z]+(?= )", "cyan")
        text.highlight_regex(r"(?<=-> )[\d.]+( MB)?|answered alike", "green")
        console.print(text)
    without_fonts = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(title="tracewhale", code_format=without_fonts, unique_id="tracewhale")


def treemap(report: Path) -> str:
    """The map of a report as SVG."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH + 90, "height": 900})
        page.goto(report.resolve().as_uri())
        page.wait_for_selector("html[data-ready]")
        box = page.locator("#map").bounding_box() or {"width": WIDTH, "height": HEIGHT}
        cells = page.evaluate(CELLS)
        title = page.locator("h1").inner_text() + ", " + page.locator("#crumbs .size").inner_text()
        browser.close()
    wide, high = box["width"], box["height"]
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-16 -40 {wide + 32:.0f} {high + 88:.0f}" '
            'font-family="system-ui,sans-serif" font-size="12">'
        ),
        (
            '<defs><pattern id="removed" width="8" height="8" patternUnits="userSpaceOnUse" '
            'patternTransform="rotate(45)"><rect width="8" height="8" fill="#f0f1f3"/>'
            '<rect width="4" height="8" fill="#e0e3e7"/></pattern></defs>'
        ),
        f'<rect x="-16" y="-40" width="{wide + 32:.0f}" height="{high + 88:.0f}" rx="10" fill="#fbfbfc"/>',
        f'<text y="-14" font-size="16" font-weight="600" fill="#1b2027">{escape(title)}</text>',
    ]
    for x, y, w, h, kind, name in cells:
        colour = COLOURS[next((each for each in kind.split() if each in COLOURS), "other")]
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="2" fill="{colour}" stroke="#c9cfd6"/>'
        )
        shown = name if len(name) * 6.6 < w - 8 else name[: max(0, int((w - 14) / 6.6))] + "…"
        if name and w > 34 and h > 16:
            parts.append(f'<text x="{x + 5:.1f}" y="{y + 14:.1f}" fill="#1b2027">{escape(shown)}</text>')
    at = 0.0
    for kind, text in LEGEND.items():
        parts.append(
            f'<rect x="{at}" y="{high + 16}" width="14" height="14" fill="{COLOURS[kind]}" stroke="#c9cfd6"/>'
        )
        parts.append(f'<text x="{at + 20}" y="{high + 28}" fill="#59626e">{text}</text>')
        at += 40 + 6.4 * len(text)
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    (HERE / "terminal.svg").write_text(terminal())
    for report in map(Path, sys.argv[1:]):
        (HERE / "map.svg").write_text(treemap(report))
