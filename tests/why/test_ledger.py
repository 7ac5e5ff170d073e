"""Chains of reasons, and the label that carries them."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.sample_images import plan_sample
from tracewhale.cli import main
from tracewhale.errors import ImageContentError, UsageError
from tracewhale.plan.reasons import Reason
from tracewhale.why import Ledger, ask, chain, from_plan, from_report
from tracewhale.why.label import decode, encode, of_config
from tracewhale.why.ledger import ListedModule

LEDGER = Ledger(
    {
        "/": (Reason("parent", "/"),),
        "/app": (Reason("parent", "/app/main"),),
        "/app/main": (Reason("access", "/app/main", "exec"),),
        "/lib/a.so": (
            Reason("access", "/app/other", "read"),
            Reason("needed", "/app/main", "a.so (RUNPATH)"),
        ),
        "/lib/b.so": (Reason("needed", "/lib/a.so", "b.so (cache)"),),
        "/lib/b.conf": (Reason("rule", "conf", "/lib/b.so"),),
        "/app/other": (Reason("access", "/app/main", "exec"),),
        "/lib": (Reason("parent", "/lib/a.so"),),
    },
    {"/app/main": 10, "/lib/a.so": 5, "/lib/b.so": 7},
    {"/lib/a.so": ("deb:liba@1",), "/lib/b.so": ("deb:libb@2",)},
    ("deb:gone@3",),
    ("/lib/c.so",),
)


def test_the_shortest_chain_leads_to_the_command() -> None:
    found = chain(LEDGER, "/lib/b.conf")
    assert [line.path for line in found] == ["/lib/b.conf", "/lib/b.so", "/lib/a.so", "/app/main"]
    assert found[0].text == "rule conf, because of /lib/b.so"
    assert found[2].text == "needed by /app/main as a.so (RUNPATH)"


@pytest.mark.parametrize("starter", ["/.tracewhale/probe", "/memfd:tracewhale-probe"])
def test_the_command_is_started_by_us(starter: str) -> None:
    (line,) = chain(Ledger({"/app/main": (Reason("access", starter, "exec"),)}), "/app/main")
    assert line.text == "exec by tracewhale, which starts the command"


def test_a_directory_and_a_package_are_summed() -> None:
    directory, package, left = ask(LEDGER, ("/lib", "libb", "gone"))
    assert (directory.files, directory.size) == (4, 12)
    assert package.chain[0].path == "/lib/b.so"
    assert (package.files, package.size) == (1, 7)
    assert not left.kept
    assert "deb:gone@3" in left.note


def test_what_is_not_kept_has_a_note() -> None:
    excluded, nothing, word = ask(LEDGER, ("/lib/c.so", "/lib/x/y", "word"))
    assert "--exclude" in excluded.note
    assert "--include /lib/x/y" in nothing.note
    assert "/lib is kept" in nothing.note
    assert "no package" in word.note


def test_a_label_keeps_the_chains() -> None:
    again = decode(encode(LEDGER))
    for path in LEDGER.reasons:
        ours, theirs = chain(LEDGER, path), chain(again, path)
        assert [(line.path, line.reason.by) for line in ours] == [
            (line.path, line.reason.by) for line in theirs
        ]
    assert again.sizes == LEDGER.sizes
    assert again.packages == LEDGER.packages
    assert again.left_out == LEDGER.left_out


@pytest.mark.parametrize("name", ["/a\tb", "/a\nb", "/a\\nb", "/caf\udce9", "/\\0"])
def test_any_name_survives_the_label(name: str) -> None:
    ledger = Ledger({"/": (Reason("parent", "/"),), name: (Reason("access", name, "read"),)})
    assert set(decode(encode(ledger)).reasons) == {"/", name}


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!", encode(LEDGER)[:40]])
def test_a_damaged_label_is_refused(text: str) -> None:
    with pytest.raises(ImageContentError):
        decode(text)


def test_a_plan_and_its_label_say_the_same() -> None:
    _, plan = plan_sample()
    ledger = from_plan(plan)
    config = {"config": {"Labels": {"tracewhale.plan": encode(ledger)}}}
    found = of_config(config)
    assert found is not None
    assert set(found.reasons) == set(plan.kept)
    assert of_config({"config": {}}) is None


def test_a_report_is_asked_from_the_command_line(tmp_path: Path) -> None:
    files = [
        {"path": p, "reasons": [{"why": r.why, "by": r.by, "detail": r.detail} for r in some],
         "size": LEDGER.sizes.get(p, 0), "packages": list(LEDGER.packages.get(p, ()))}
        for p, some in LEDGER.reasons.items()
    ]  # fmt: skip
    place = tmp_path / "plan.json"
    plan = {"files": files, "packages": {"left_out": []}, "excluded": []}
    place.write_text(json.dumps({"plan": plan}) + "\n")
    done = CliRunner().invoke(main, ["why", str(place), "/lib/b.so", "/absent"], standalone_mode=False)
    assert "needed by /lib/a.so as b.so (cache)" in done.output
    assert "/absent: not kept" in done.output
    assert isinstance(done.exception, SystemExit)
    assert done.exception.code == 1


def test_what_is_no_report_is_refused() -> None:
    with pytest.raises(UsageError, match="no readable plan"):
        from_report({"plan": None})


def test_chains_without_an_end_end() -> None:
    """Reasons from a stranger may go round in circles."""
    circle = {f"/{n}": (Reason("needed", f"/{(n + 1) % 5}"),) for n in range(5)}
    assert chain(Ledger(circle), "/0") == ()
    rng = random.Random(7)
    many = {f"/{n}": (Reason("needed", f"/{rng.randrange(300)}"),) for n in range(300)}
    for path in many:
        assert len(chain(Ledger(many), path)) <= 300


def test_a_path_that_was_left_out_names_the_package_beside_it_and_the_level() -> None:
    """The label knows kept paths alone, so what is kept in the same directory tells the package."""
    reason = Reason("access", "/bin/x", "read")
    kept = dict.fromkeys(("/opt", "/opt/whale", "/opt/whale/a"), (reason,))
    (answer,) = ask(Ledger(kept, packages={"/opt/whale/a": ("deb:whale@1",)}), ["/opt/whale/b"])
    assert not answer.kept
    assert "deb:whale@1: --keep package" in answer.note
    assert "--include /opt/whale/b" in answer.note


MODULES = (
    ListedModule("java.base", "/jvm/lib/modules", ("java.lang",), Reason("rule", "base")),
    ListedModule(
        "java.xml", "/jvm/lib/modules", ("javax.xml",), Reason("imported", "java.sql", "requires java.xml")
    ),
    ListedModule(
        "java.sql", "/jvm/lib/modules", ("java.sql",), Reason("imported", "/lib/a.so", "java.sql.Date")
    ),
    ListedModule("java.desktop", "/jvm/lib/modules", ("java.awt", "java.awt.image"), None),
)


def test_a_class_leads_through_modules_to_the_command() -> None:
    for ledger in (replace(LEDGER, modules=MODULES), decode(encode(replace(LEDGER, modules=MODULES)))):
        kept, base, gone, other = ask(
            ledger, ("javax.xml.Foo$Bar", "java.base", "java/awt/image/Raster.class", "org.x.Y")
        )
        assert [line.path for line in kept.chain] == ["java.xml", "java.sql", "/lib/a.so", "/app/main"]
        assert kept.chain[1].text == "named by /lib/a.so: java.sql.Date"
        assert base.chain[0].text == "rule base"
        assert not gone.kept
        assert "java.desktop" in gone.note
        assert "--no-shrink java" in gone.note
        assert "no package" in other.note


def part(name: str, reason: Reason | None) -> ListedModule:
    return ListedModule(name, "/jvm/lib/modules", (), reason)


INSIDE = (
    *MODULES,
    part("java.sql.Date", Reason("imported", "/lib/a.so", "java.sql.Date")),
    part("javax.xml", None),
    part("javax.xml.Parser", Reason("imported", "java.sql.Date", "javax.xml.Parser")),
)


@pytest.mark.parametrize("name", ["javax.xml.Parser", "javax/xml/Parser.class", "javax.xml"])
def test_a_class_leads_through_classes_to_the_command(name: str) -> None:
    for ledger in (replace(LEDGER, modules=INSIDE), decode(encode(replace(LEDGER, modules=INSIDE)))):
        (answer,) = ask(ledger, (name,))
        assert [line.path for line in answer.chain] == [
            "javax.xml.Parser",
            "java.sql.Date",
            "/lib/a.so",
            "/app/main",
        ]


def test_a_class_that_is_left_out_of_a_kept_module_is_named() -> None:
    answer, kept, gone = ask(
        replace(LEDGER, modules=INSIDE), ("javax.xml.Other", "java.sql.Other", "java.awt.Window")
    )
    assert not answer.kept
    assert "--shrink java=modules" in answer.note
    assert [line.path for line in kept.chain][:1] == ["java.sql"]
    assert "--no-shrink java" in gone.note
