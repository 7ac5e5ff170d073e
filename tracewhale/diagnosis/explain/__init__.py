"""Find the cause of a message in the files of the image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from tracewhale.diagnosis.explain import (
    advice,
    circumstances,
    files,
    java,
    limits,
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
    **circumstances.EXPLAINERS,
    **limits.EXPLAINERS,
}
"""The explainers by kind of message."""


def explain(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain the causes of a message, as far as the files confirm them."""
    if complaint.cause:
        yield advice.finding_of(case, complaint)
    else:
        yield from EXPLAINERS[complaint.kind](case, complaint)
