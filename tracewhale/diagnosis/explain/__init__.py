"""From a message to its cause: what the files say about what a program complained of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from tracewhale.diagnosis.explain import (
    files,
    java,
    loading,
    node,
    python,
    rights,
    scripting,
    surroundings,
    users,
)
from tracewhale.diagnosis.messages import Complaint
from tracewhale.diagnosis.model import Case, Finding

Explainer = Callable[[Case, Complaint], Iterable[Finding]]

EXPLAINERS: Mapping[str, Explainer] = {
    **files.EXPLAINERS,
    **loading.EXPLAINERS,
    **python.EXPLAINERS,
    **node.EXPLAINERS,
    **scripting.EXPLAINERS,
    **java.EXPLAINERS,
    **surroundings.EXPLAINERS,
    **users.EXPLAINERS,
    **rights.EXPLAINERS,
}
"""By kind of message."""


def explain(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """The causes of what a message complains of, as far as the files bear them out."""
    yield from EXPLAINERS[complaint.kind](case, complaint)
