"""SBOMs: the files of a new image, their packages, and the reasons."""

from __future__ import annotations

from importlib import import_module

from tracewhale.errors import UsageError
from tracewhale.image.sbom.model import Digests, Sbom, describe, moment

__all__ = [
    "CYCLONEDX",
    "ENDINGS",
    "FORMATS",
    "SPDX",
    "Digests",
    "Sbom",
    "check",
    "describe",
    "dumps",
    "form_of",
    "moment",
]

SPDX, CYCLONEDX = "spdx", "cyclonedx"
FORMATS = (SPDX, CYCLONEDX)
ENDINGS = {SPDX: ".spdx.json", CYCLONEDX: ".cdx.json"}
"""The file names by which scanners recognize an SBOM: Trivy (pkg/fanal/analyzer/sbom), Syft
(cataloger/sbom)."""


def form_of(name: str) -> str:
    """Return the form for a file's name: CycloneDX for its usual names, else SPDX."""
    plain = name.lower().rpartition("/")[2]
    is_cyclonedx = (
        plain.endswith((ENDINGS[CYCLONEDX], ".bom.json")) or plain == "bom.json" or "cyclonedx" in plain
    )
    return CYCLONEDX if is_cyclonedx else SPDX


def check(form: str) -> None:
    """Raise UsageError if an SBOM of this form cannot be written because its library is missing."""
    try:
        import_module(f"tracewhale.image.sbom.{form}")
    except ImportError as error:
        raise UsageError(
            f"An SBOM as {form} needs {error.name}, which is not installed.",
            "Run: pip install 'tracewhale[sbom]'",
        ) from error


def dumps(sbom: Sbom, form: str) -> bytes:
    """Return the SBOM in one of `FORMATS`. Raise UsageError."""
    check(form)
    written: bytes = import_module(f"tracewhale.image.sbom.{form}").dumps(sbom)
    return written
