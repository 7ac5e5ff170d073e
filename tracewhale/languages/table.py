"""The languages whose closure is worked out, each with what makes its reader for an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tracewhale.languages.files import Files
from tracewhale.languages.model import Language
from tracewhale.languages.python import Python

LANGUAGES: Mapping[str, Callable[[Files], Language]] = {
    "python": Python,
}
