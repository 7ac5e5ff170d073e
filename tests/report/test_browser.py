"""The report's page in a real browser: what people do with it, and what a hostile image cannot do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.report.documents import hostile, large, report
from tests.report.looks import MEAN, MOST, PICTURES, contrasts, differences, faults, picture, restyle
from tracewhale.report.document import of_value
from tracewhale.report.json import to_json
from tracewhale.report.page import render

WIDTHS = (1280, 800, 390)
SCHEMES: tuple[Any, ...] = ("light", "dark")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    assert program, "tests/run installs chromium"
    with sync_playwright() as playwright:
        # Chromium's own sandbox needs what a container does not give, and refuses root.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of three reports, by name."""
    made = tmp_path_factory.mktemp("pages")
    values: dict[str, Any] = {"whole": to_json(report()), "hostile": hostile(), "large": large()}
    for name, value in values.items():
        (made / f"{name}.html").write_text(render(of_value(value)), "utf-8")
    return {name: made / f"{name}.html" for name in values}


def opened(browser: Browser, path: Path, width: int = 1280, scheme: Any = "light") -> Page:
    """A page that is ready and has nothing to complain of."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]", timeout=30_000)
    assert said(page) == []
    return page


def said(page: Page) -> list[str]:
    """Errors of the page, and what it or its policy wrote to the console."""
    return [*(str(error) for error in page.page_errors()), *(each.text for each in page.console_messages())]


def test_click_zooms_and_the_crumbs_lead_back(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["whole"])
    page.get_by_role("button", name="/opt, ", exact=False).or_(
        page.locator("#inside").get_by_role("button", name="opt")
    ).last.click()
    expect(page.locator("#crumbs [aria-current]")).to_have_text("opt")
    page.locator("#inside").get_by_role("button", name="app").click()
    expect(page.locator("#crumbs [aria-current]")).to_have_text("app")
    expect(page.locator("#map")).to_contain_text("main")
    page.locator("#crumbs").get_by_role("button", name="/").first.click()
    expect(page.locator("#crumbs [aria-current]")).to_have_text("/")
    page.context.close()


def test_search_shows_a_path_with_its_chain_to_the_command(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["whole"])
    page.get_by_label("Find a path").fill("LIBC copy")
    expect(page.get_by_role("status")).to_have_text("1 path")
    page.locator("#results").get_by_role("button").click()
    expect(page.locator("#detail h3")).to_have_text("/usr/share/doc/libc6/copyright")
    expect(page.locator("#detail ol")).to_contain_text("licence of libc6")
    expect(page.locator("#crumbs [aria-current]")).to_have_text("libc6")
    page.context.close()


def test_the_map_is_used_with_the_keyboard_alone(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["large"])
    page.locator("#map [tabindex='0']").focus()
    begin = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("ArrowDown")
    after = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert begin != after
    assert after.endswith(("kept", "removed"))
    page.keyboard.press("Enter")
    expect(page.locator("#crumbs button").first).to_be_visible()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.className").startswith("cell")
    page.context.close()


def test_packages_and_what_is_kept_are_other_views(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["whole"])
    removed = page.locator("#map .cell.removed").count()
    assert removed > 0
    page.get_by_label("kept only").check()
    assert page.locator("#map .cell.removed").count() == 0
    page.get_by_label("packages", exact=True).check()
    expect(page.locator("#crumbs [aria-current]")).to_have_text("All packages")
    expect(page.locator("#inside")).to_contain_text("npm")
    page.context.close()


def test_a_hostile_name_runs_nothing(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["hostile"])
    for view in ("packages", "directories"):
        page.locator(f"input[value={view}]").check()
        for _ in range(3):
            page.locator("#inside button").first.click()
    page.get_by_label("Find a path").fill("script")
    expect(page.locator("#results")).to_contain_text("<img src=x onerror=window.hit=1>")
    for number in range(5):
        page.locator("#results li button").nth(number).click()
        expect(page.locator("#detail h3")).to_contain_text("</script><script>")
    assert page.evaluate("window.hit") is None
    assert page.evaluate("document.images.length") == 0
    assert page.evaluate("document.scripts.length") == 2
    assert said(page) == []
    page.context.close()


def test_the_policy_stops_a_script_that_markup_would_have(browser: Browser, tmp_path: Path) -> None:
    """If escaping failed somewhere, the browser would still not run it."""
    page = render(of_value(to_json(report()))).replace("<main", "<script>window.hit=1</script><main", 1)
    (tmp_path / "broken.html").write_text(page)
    context = browser.new_context()
    shown = context.new_page()
    shown.goto((tmp_path / "broken.html").as_uri())
    shown.wait_for_selector("html[data-ready]", timeout=30_000)
    assert shown.evaluate("window.hit") is None
    context.close()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_serious(browser: Browser, pages: dict[str, Path], scheme: str) -> None:
    page = opened(browser, pages["whole"], scheme=scheme)
    page.get_by_label("Find a path").fill("b")
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    found = Axe().run(page)
    serious = [
        each["id"] for each in found.response["violations"] if each["impact"] in ("serious", "critical")
    ]
    assert serious == [], found.generate_report()
    page.context.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_looks_as_it_did(
    browser: Browser, pages: dict[str, Path], tmp_path: Path, width: int
) -> None:
    page = opened(browser, pages["whole"], width)
    assert faults(page) == []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert min(contrasts(page).values()) >= 4.5
        new = tmp_path / f"map-{width}-{scheme}.png"
        new.write_bytes(picture(page))
        assert differs(page, new) == "", f"look at {new} and put it into {PICTURES} if it is right"
    page.context.close()


@pytest.mark.parametrize(("name", "width"), [("large", 800), ("hostile", 390)])
def test_the_layout_has_no_fault(browser: Browser, pages: dict[str, Path], name: str, width: int) -> None:
    page = opened(browser, pages[name], width)
    assert faults(page) == []
    page.context.close()


def test_a_fault_of_the_layout_is_noticed(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["whole"], 800)
    for style, fault in (
        (".figures{position:absolute;top:300px}", "overlap"),
        ("#detail{margin-top:-80px}.beside{display:block}", "overlap"),
        ("h1{white-space:nowrap;width:3000px}", "wider than the window"),
        ("#map{height:20px}", "no height"),
        ("#map .cell{visibility:hidden}", "has 0 files"),
        ("#map .cell{width:300px!important}", "overlap"),
        ("main p{margin-left:1000px;white-space:nowrap}", "leaves its block"),
        (".rows{width:1500px}", "is cut"),
    ):
        restyle(page, style)
        assert fault in "; ".join(faults(page)), style
    page.context.close()


def test_another_look_is_noticed(browser: Browser, pages: dict[str, Path], tmp_path: Path) -> None:
    page = opened(browser, pages["whole"], 800)
    new = tmp_path / "map-800-light.png"
    for style in (
        ":root{--trace:#f8d0da!important}",
        ".removed{background:var(--other)!important}",
        "#map .cell:not(.directory){display:none}",
        "#map{filter:invert(1)}",
    ):
        new.write_bytes(picture(page, style))
        assert differs(page, new), style
    page.context.close()


def differs(page: Page, new: Path) -> str:
    """Return how a picture differs from the one that is kept of its name, or an empty string."""
    mean, most = differences(page, new.read_bytes(), (PICTURES / new.name).read_bytes())
    return f"mean {mean:.1f}, most {most:.0f}" if mean > MEAN or most > MOST else ""


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(browser: Browser, pages: dict[str, Path], width: int) -> None:
    page = opened(browser, pages["hostile"], width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert (
        page.evaluate(
            """() => { const map = document.getElementById("map").getBoundingClientRect();
        return [...document.querySelectorAll("#map .cell")].filter(each => {
            const cell = each.getBoundingClientRect();
            return cell.right > map.right + 1 || cell.bottom > map.bottom + 1 || cell.left < map.left - 1;
        }).length }"""
        )
        == 0
    )
    page.context.close()


def test_on_paper_there_are_no_controls(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["whole"])
    page.emulate_media(media="print")
    expect(page.locator("#tools")).to_be_hidden()
    expect(page.locator("h1")).to_be_visible()
    assert page.pdf()[:5] == b"%PDF-"
    page.context.close()
