"""A report as JUnit XML, which CI systems show: a case for each request, and one for the image."""

from __future__ import annotations

from xml.etree import ElementTree

from tracewhale.printable import printable
from tracewhale.report.model import Report

IMAGE = "the new image behaves as the original does"


def render(report: Report) -> str:
    """Return one test suite, in the form of Jenkins' JUnit plugin (junit-10.xsd)."""
    name = printable(report.target or report.image or "tracewhale")
    suite = ElementTree.Element("testsuite", {"name": name})
    answers = report.verification.comparison.answers if report.verification is not None else None
    failures = 0
    if answers is not None and report.trace is not None:
        differences = {answer.request: answer for answer in answers.differences}
        for exchange in report.trace.exchanges:
            case = ElementTree.SubElement(
                suite, "testcase", {"classname": name, "name": printable(str(exchange.request))}
            )
            if difference := differences.get(str(exchange.request)):
                failures += 1
                failure = ElementTree.SubElement(case, "failure", {"message": printable(difference.what)})
                failure.text = "\n".join(map(printable, difference.diff))
    took = f"{sum(seconds for _, seconds in report.seconds):.3f}"
    case = ElementTree.SubElement(suite, "testcase", {"classname": name, "name": IMAGE, "time": took})
    if report.error is not None:
        failures += 1
        first, *quoted = map(printable, report.error.what.splitlines())
        kind = type(report.error).__name__
        failure = ElementTree.SubElement(case, "failure", {"type": kind, "message": first})
        failure.text = "\n".join([*quoted, printable(report.error.hint)])
    suite.attrib |= {"tests": str(len(suite)), "failures": str(failures), "time": took}
    ElementTree.indent(suite)
    text: str = ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)
    return text + "\n"
