"""JUnit XML: each request is a case, and whatever ends the work fails the image's own."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from tests.tracing.test_tracefile import TRACE
from tracewhale.driving.compare_answers import AnswerDifference, Answers
from tracewhale.errors import VerificationFailed
from tracewhale.report import junit
from tracewhale.report.model import Report
from tracewhale.tracing.events import Step
from tracewhale.tracing.exchanges import Exchange, HttpRequest
from tracewhale.verification import Comparison, Output, Verification

REQUESTS = (HttpRequest("GET", "/"), HttpRequest("GET", "/a?b=<&>"))


def report(*different: HttpRequest) -> Report:
    trace = replace(TRACE, steps=(Step("http", "", exchanges=tuple(map(Exchange, REQUESTS))),))
    differences = tuple(
        AnswerDifference(str(each), "status 200, then 500", ("-a\x00", "+b")) for each in different
    )
    answers = Answers(2, 2 - len(differences), 0, differences)
    comparison = Comparison((), (0, 0), Output.NOT_COMPARED, answers=answers)
    return Report("run", "shop", "sha256:0", trace=trace, verification=Verification(1, (), comparison))


def test_requests_that_are_answered_alike_pass() -> None:
    suite = ElementTree.fromstring(junit.render(report()))
    names = [case.get("name") for case in suite]
    assert names == ["GET /", "GET /a?b=<&>", junit.IMAGE]
    assert (suite.get("tests"), suite.get("failures"), list(suite.iter("failure"))) == ("3", "0", [])


def test_a_request_that_is_answered_otherwise_fails() -> None:
    failed = replace(report(REQUESTS[1]), error=VerificationFailed("1 of 2\nquoted\x1b", "Look."))
    suite = ElementTree.fromstring(junit.render(failed))
    first, second, image = suite
    assert (first.find("failure"), suite.get("failures")) == (None, "2")
    told = second.find("failure")
    assert told is not None
    assert (told.get("message"), told.text) == ("status 200, then 500", "-a\\x00\n+b")
    whole = image.find("failure")
    assert whole is not None
    assert (whole.get("type"), whole.get("message")) == ("VerificationFailed", "1 of 2")
    assert whole.text == "quoted\\x1b\nLook."
