"""The static closure of languages, which follows ``import`` as the ELF closure follows DT_NEEDED."""

from tracewhale.languages.closing import Closer, close
from tracewhale.languages.model import (
    ClosureLimits,
    Environment,
    Import,
    Language,
    LanguageClosure,
    Mention,
    MissingImport,
)

__all__ = [
    "Closer",
    "ClosureLimits",
    "Environment",
    "Import",
    "Language",
    "LanguageClosure",
    "Mention",
    "MissingImport",
    "close",
]
