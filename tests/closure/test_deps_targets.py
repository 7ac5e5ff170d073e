"""``tracewhale deps`` on every kind of target that it names."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.loader import recipes
from tracewhale.cli.deps import deps

Image = Callable[[str], str]


def found(*arguments: str, status: int = 0) -> dict[str, str]:
    """Names and paths of the first file's listing."""
    result = CliRunner().invoke(deps, [*arguments, "--json"])
    assert result.exit_code == status, result.output
    (listing, *_) = json.loads(result.stdout)["files"]
    return {each["name"]: each["path"] for each in listing["found"]}


def test_file_of_this_machine() -> None:
    assert found("/usr/bin/env")["libc.so.6"] == recipes.LIBC
    assert found("host", "env")["libc.so.6"] == recipes.LIBC


def test_files_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to("/usr/bin/env")
    monkeypatch.chdir(tmp_path)
    for first in ("/usr/bin/env", "./link", "../" + tmp_path.name + "/link"):
        result = CliRunner().invoke(deps, [first, "/usr/bin/cat", "link", "--json"])
        assert result.exit_code == 0, result.output
        asked = [each["asked"] for each in json.loads(result.stdout)["files"]]
        assert asked[1:] == ["/usr/bin/cat", str(tmp_path / "link")]
    result = CliRunner().invoke(deps, ["./none", "/usr/bin/env", "--flat"])
    assert result.exit_code == 1
    assert f"{tmp_path}/none => no such file" in result.output
    for target in ("a/b", "rootfs:/"):
        result = CliRunner().invoke(deps, [target])
        assert result.exit_code == 2
        assert f"No path in {target} is given." in result.output


def test_directory(tmp_path: Path) -> None:
    root, work = tmp_path / "root", tmp_path / "work"
    work.mkdir()
    files: list[dict[str, Any]] = [
        {"path": "/app/program", "needed": ["liba.so"]},
        {"path": "/usr/lib/liba.so"},
    ]
    recipes.build(recipes.Case("directory", "", {}, files), root, work, Path())
    assert found(f"rootfs:{root}", "/app/program")["liba.so"] == "/usr/lib/liba.so"
    (root / "usr/lib/liba.so").unlink()
    assert "liba.so" not in found(f"rootfs:{root}", "/app/program", status=1)


@pytest.mark.parametrize("name", ["nginx", "musl"])
def test_image_and_its_archive(name: str, image: Image, tmp_path: Path) -> None:
    reference = image(name)
    program = {"nginx": "nginx", "musl": "/opt/whale/bin/hello"}[name]
    in_image = found(reference, program)
    assert {"nginx": "libpcre2-8.so.0", "musl": "libwhale.so.1"}[name] in in_image
    archive = tmp_path / "image.tar"
    subprocess.run(["docker", "save", "-o", archive, reference], check=True)
    assert found(f"docker-archive:{archive}", program) == in_image


def test_static_program(image: Image) -> None:
    assert found(image("static"), "/bin/hello") == {}
