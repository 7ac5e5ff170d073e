"""Messages that are explained without looking at files: their cause and remedy are beside their pattern."""

from __future__ import annotations

from collections import defaultdict

from tracewhale.diagnosis.explain.common import finding
from tracewhale.diagnosis.messages import Complaint
from tracewhale.diagnosis.model import Case, Finding, Sure
from tracewhale.diagnosis.remedy import Remedy


def finding_of(case: Case, complaint: Complaint) -> Finding:
    """Return the finding of a message of advice.toml."""
    facts: defaultdict[str, str] = defaultdict(str, complaint.facts)
    facts["user"] = case.user.name or str(case.user.uid)
    facts["command"] = case.argv[0] if case.argv else case.name
    return finding(
        case,
        complaint,
        complaint.kind,
        complaint.cause.format_map(facts),
        [Remedy(line, **facts) for line in complaint.fixes],
        sure=Sure.LIKELY,
        ground="the message says so",
    )
