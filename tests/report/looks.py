"""How a page looks, in terms that do not depend on the fonts of a machine: a picture without its text, and
faults of its layout."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

PICTURES = Path(__file__).parent / "pictures"
"""The map of a report at each width and in each scheme, without text, of 64 times 32 points."""

MEAN, MOST = 2.0, 48.0
"""Differences of two pictures that are no difference: of all points, and of one (0 to 255)."""

WITHOUT_TEXT = "#map *{color:transparent!important;transition:none!important}"

_PREPARED = """async ([images, width, height]) => {
    const pixels = await Promise.all(images.map(async each => {
        const image = new Image();
        image.src = "data:image/png;base64," + each;
        await image.decode();
        const canvas = new OffscreenCanvas(width, height), context = canvas.getContext("2d");
        context.imageSmoothingQuality = "high";
        context.drawImage(image, 0, 0, width, height);
        const blob = await canvas.convertToBlob({type: "image/png"});
        const bytes = new Uint8Array(await blob.arrayBuffer());
        return [context.getImageData(0, 0, width, height).data, btoa(String.fromCharCode(...bytes))];
    }));
    if (pixels.length === 1) return {png: pixels[0][1]};
    const [one, other] = pixels.map(each => each[0]);
    const differences = one.map((value, at) => Math.abs(value - other[at]));
    return {
        mean: differences.reduce((sum, each) => sum + each, 0) / (differences.length * 3 / 4),
        most: differences.reduce((most, each) => Math.max(most, each), 0),
    };
}"""

_FAULTS = """() => {
    const shown = each => each.checkVisibility({visibilityProperty: true}) && each.getClientRects().length;
    const box = each => each.getBoundingClientRect();
    const name = each => each.id || each.getAttribute("aria-labelledby") || each.className || each.tagName;
    const overlap = (one, other) =>
        Math.min(one.right, other.right) - Math.max(one.left, other.left) > 1 &&
        Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 1;
    const apart = (what, parts) => parts.flatMap((one, at) => parts.slice(at + 1)
        .filter(other => overlap(box(one), box(other)))
        .map(other => `${what} ${name(one)} and ${name(other)} overlap`));
    const faults = [];
    if (document.documentElement.scrollWidth > innerWidth) faults.push("the page is wider than the window");
    const blocks = [...document.querySelectorAll("header > *, main > section, .figure")].filter(shown);
    faults.push(...apart("block", blocks.filter(each => !each.matches(".skip, .figures"))));
    const parts = section => [...section.children].filter(each => shown(each) && !each.matches(".unseen"));
    for (const section of document.querySelectorAll("main > section, .figure, .beside"))
        faults.push(...apart("part", parts(section)));
    for (const each of document.querySelectorAll("main *, header *"))
        if (shown(each) && !each.closest(".scroll, .cell, .unseen, svg") && each.childElementCount === 0) {
            const section = each.closest("section, .figure, header");
            if (section && box(each).right > box(section).right + 1)
                faults.push(`text of ${name(each)} leaves its block: ${each.textContent.slice(0, 30)}`);
        }
    for (const each of document.querySelectorAll(".rows"))
        if (shown(each) && each.scrollWidth > each.parentElement.clientWidth + 1)
            faults.push(`the table ${each.parentElement.getAttribute("aria-label")} is cut`);
    const map = document.getElementById("map");
    const leaves = [...map.querySelectorAll(".cell:not(.directory)")].filter(shown);
    if (map.clientHeight < 200) faults.push("the map has no height");
    if (leaves.length < 5) faults.push(`the map has ${leaves.length} files`);
    faults.push(...apart("file", leaves).slice(0, 3));
    const area = each => box(each).width * box(each).height;
    const covered = leaves.reduce((sum, each) => sum + area(each), 0) / area(map);
    if (!(covered > 0.6 && covered < 1.001)) faults.push(`files cover ${covered} of the map`);
    return faults;
}"""

_CONTRASTS = """() => {
    const probe = document.createElement("i");
    document.body.append(probe);
    const rgb = value => {
        probe.style.color = value;
        return getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(Number);
    };
    const light = value => rgb(value).map(each => each / 255)
        .map(each => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
        .reduce((sum, each, at) => sum + each * [0.2126, 0.7152, 0.0722][at], 0);
    const contrast = (one, other) => {
        const [low, high] = [light(`var(${one})`), light(`var(${other})`)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const kinds = ["trace", "loader", "language", "unit", "rule", "other"];
    const stripes = [["--text", "--removed"], ["--text", "--stripe"]];
    const pairs = [...kinds.map(each => ["--cell", `--${each}`]), ...stripes];
    const result = Object.fromEntries(pairs.map(pair => [pair.join(" on "), contrast(...pair)]));
    probe.remove();
    return result;
}"""


def restyle(page: Page, style: str) -> None:
    """Take these rules beside those of a page, in the place of earlier ones. Its policy allows no other
    element of style."""
    page.evaluate(
        """style => { const sheet = new CSSStyleSheet();
        sheet.replaceSync(style);
        document.adoptedStyleSheets = [sheet]; }""",
        style,
    )


def picture(page: Page, style: str = "") -> bytes:
    """Return the page's map without its text, small, as a PNG file; ``style`` has other rules for it."""
    restyle(page, WITHOUT_TEXT + style)
    shot = page.locator("#map").screenshot(animations="disabled")
    return base64.b64decode(_canvas(page, shot)["png"])


def differences(page: Page, one: bytes, other: bytes) -> tuple[float, float]:
    """Return the mean and the largest difference of the points of two pictures, 0 to 255."""
    found = _canvas(page, one, other)
    return found["mean"], found["most"]


def faults(page: Page) -> list[str]:
    """Return what is wrong with the layout: parts that overlap, text that leaves its block, an empty map."""
    result: list[str] = page.evaluate(_FAULTS)
    return result


def contrasts(page: Page) -> dict[str, float]:
    """Return the contrasts of text on each colour of the map (WCAG 2.2, contrast ratio), stripes included,
    which axe does not judge."""
    result: dict[str, float] = page.evaluate(_CONTRASTS)
    return result


def _canvas(page: Page, *images: bytes) -> dict[str, Any]:
    """Scale images in a page of their own: the report's policy loads none."""
    other = page.context.new_page()
    encoded = [base64.b64encode(each).decode() for each in images]
    result: dict[str, Any] = other.evaluate(_PREPARED, [encoded, 64, 32])
    other.close()
    return result
