"""The static closure of languages: what ``import`` names, as the ELF closure follows DT_NEEDED."""

from tracewhale.languages.closing import Closer, close
from tracewhale.languages.model import Edge, Environment, Language, LanguageClosure, Limits, Mention, Miss

__all__ = [
    "Closer",
    "Edge",
    "Environment",
    "Language",
    "LanguageClosure",
    "Limits",
    "Mention",
    "Miss",
    "close",
]
