"""Requests to a running target, sent in a thread, so that signals and the target's end are noticed
meanwhile."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from tracewhale.driving.client import REFUSED, Client, Reply
from tracewhale.driving.links import links_of
from tracewhale.driving.openapi import requests_of
from tracewhale.driving.request_line import parse
from tracewhale.errors import WorkloadFailed
from tracewhale.running.service import Service
from tracewhale.running.session import RunSession
from tracewhale.tracing.events import Step
from tracewhale.tracing.exchanges import Answer, Exchange, HttpRequest

BODIES_LIMIT = 32 << 20
"""Bytes of bodies that a run keeps of all answers; only size and digest are kept of later ones."""

CRAWL_PAGES = 200
"""Requests of one crawl."""
CRAWL_SECONDS = 60.0
CRAWL_BYTES = 256 << 20
"""Bytes of all answers of one crawl."""
CRAWL_DEPTH = 3
"""The default depth of a crawl: links away from the first pages."""

LOOK_SECONDS = 0.2
PORT_SECONDS = 10.0
"""Seconds in which a port that a request names must have a listener, once the target serves."""

TAIL = 300
"""Characters of a refused answer that a message shows."""


class Web:
    """One client for all steps of a run: cookies and named answers last from one step to the next."""

    def __init__(self, session: RunSession, service: Service) -> None:
        self._session = session
        self._service = service
        self._client = Client(service.address, service.other_addresses)
        self._kept = 0
        self._growth: list[int] = []
        self._visited: dict[str, Reply] = {}
        self._awaited: set[int] = set()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def port(self) -> int:
        """Return the lowest port that listens among those that the image names, else among all; 0 without
        one."""
        listening = self._session.listening()
        return min(listening & set(self._service.ports) or listening, default=0)

    def send(self, request: HttpRequest) -> Reply:
        """Send one request to the port that it names, or to the port that serves."""
        done: list[Reply] = []
        request = self._routed(request)
        port = request.port or self.port()
        if not port:
            return Reply(Answer(0, error="the target listens on no port"), request.target)

        def work() -> None:
            reply = self._client.send(request, port)
            self._session.later(partial(done.append, reply))

        self._session.spawn(work)
        self._session.wait(lambda: bool(done))
        return done[0]

    def _routed(self, request: HttpRequest) -> HttpRequest:
        """Return a request with the port to which it goes: 0 in place of one that the engine publishes.

        Wait for a port that only the target can have.
        """
        session, port = self._session, request.port
        listening = session.listening()
        if not port or port in listening or not listening:
            return request
        if request.published:
            return replace(request, port=0, tls=False)
        if port not in self._awaited:
            self._awaited.add(port)
            deadline = time.monotonic() + PORT_SECONDS
            while port not in session.listening() and time.monotonic() < deadline:
                if session.wait(lambda: session.status is not None, LOOK_SECONDS):
                    break
        return request

    def take(self, step: Step) -> Step:
        """Run a step of requests: repeat those with recorded answers, else send the planned ones.

        Raise WorkloadFailed for a request that is refused for the first time.
        """
        self._growth = []
        if any(exchange.answer is not None for exchange in step.exchanges):
            sent = tuple(self._exchange(item.request)[0] for item in step.exchanges)
        elif step.kind == "crawl":
            sent = self._crawl(int(step.argument or CRAWL_DEPTH), step.seconds or CRAWL_SECONDS)
        elif step.kind == "openapi":
            sent = self._described(step)
        else:
            sent = tuple(self._accepted(item.request) for item in step.exchanges)
        return replace(step, exchanges=sent, growth=tuple(self._growth))

    def _accepted(self, request: HttpRequest) -> Exchange:
        exchange, reply = self._exchange(request)
        answer = reply.answer
        if not answer.status:
            raise WorkloadFailed(
                f"The request {request} got no answer: {answer.error}.{self._ended()}",
                self._unreachable(request.port or self.port(), answer.error),
            )
        if answer.status != request.expected if request.expected else answer.status >= 400:
            wanted = f"{request.expected}" if request.expected else "one below 400"
            body = answer.body.decode("utf-8", "replace").strip()[:TAIL]
            raise WorkloadFailed(
                f"The request {request} was answered with status {answer.status} and not {wanted}."
                f"{self._ended()}" + (f"\n{body}" if body else ""),
                f"No answer so far has a field, a member or a cookie for {{{{{unknown[0]}}}}}."
                if (unknown := self._client.unknown(request))
                else f"Write ={answer.status} after the path if that is the right answer.",
            )
        return exchange

    def _unreachable(self, port: int, error: str) -> str:
        """Return a hint on a port that accepts no request; empty if nothing is known about it."""
        session, service = self._session, self._service
        if local := ", ".join(session.local_listeners()):
            return (
                f"Only the target itself can reach {local}: have it listen on 0.0.0.0, or ask it by --exec."
            )
        addresses = (service.address, *service.other_addresses)
        has_ipv6 = any(":" in address for address in addresses)
        if error == REFUSED and not has_ipv6 and port in session.ipv6_listeners():
            return (
                f"It listens on port {port} for IPv6 only, and the container has no such address: have it "
                "listen on 0.0.0.0, or take a --network with IPv6."
            )
        return ""

    def _ended(self) -> str:
        status = self._session.status
        return "" if status is None else f" The command had ended with status {status}."

    def _exchange(self, request: HttpRequest) -> tuple[Exchange, Reply]:
        self._session.progress(str(request))
        reply = self.send(request)
        answer = reply.answer
        if self._kept + len(answer.body) > BODIES_LIMIT:
            answer = replace(answer, body=b"")
        self._kept += len(answer.body)
        if request.method == "GET" and 0 < answer.status < 400:
            self._visited.setdefault(request.target, reply)
        self._session.synchronize()
        self._growth.append(len(self._session.collector.events))
        return Exchange(request, answer), reply

    def _described(self, step: Step) -> tuple[Exchange, ...]:
        """Send the requests of an OpenAPI document. Any answer is accepted, because some requests must be
        refused.

        If the document is not a file here, it is the target's own; ``step.argument`` has the maximum number
        of requests and its path.
        """
        planned = tuple(exchange.request for exchange in step.exchanges)
        sent: list[Exchange] = []
        if not planned:
            most, _, path = step.argument.partition(" ")
            document = self._accepted(parse(path, lambda name: b""))
            sent.append(document)
            planned = self._planned_requests(document.answer.body if document.answer else b"", int(most))
        for request in planned:
            sent.append(self._exchange(request)[0])
            if self._session.status is not None:
                raise WorkloadFailed(f"The request {request} ended the command.{self._ended()}")
        if not any(
            exchange.answer and 0 < exchange.answer.status < 400 for exchange in sent[-len(planned) :]
        ):
            raise WorkloadFailed(
                f"None of the {len(planned)} requests of the OpenAPI document was answered below 400.",
                "Does it describe this target? Log in with --http before it if that is needed.",
            )
        return tuple(sent)

    def _planned_requests(self, document: bytes, most: int) -> tuple[HttpRequest, ...]:
        result: list[tuple[HttpRequest, ...]] = []
        self._session.progress("making requests of the OpenAPI document")

        def work() -> None:
            try:
                requests = requests_of(document, most)
            except ValueError as error:
                raise WorkloadFailed(f"The target's OpenAPI document cannot be used: {error}.") from error
            self._session.later(partial(result.append, requests))

        self._session.spawn(work)
        self._session.wait(lambda: bool(result))
        return result[0]

    def _crawl(self, depth: int, seconds: float) -> tuple[Exchange, ...]:
        """Follow links from the pages that the run has fetched, or from the first page."""
        deadline = time.monotonic() + seconds
        sent: list[Exchange] = []
        if not self._visited:
            sent.append(self._accepted(HttpRequest("GET", "/")))
        known = set(self._visited)
        waiting = deque((link, 1) for reply in self._visited.values() for link in _links(reply))
        size = 0
        while waiting and len(sent) < CRAWL_PAGES and size < CRAWL_BYTES and time.monotonic() < deadline:
            target, away = waiting.popleft()
            if away > depth or target in known:
                continue
            known.add(target)
            exchange, reply = self._exchange(HttpRequest("GET", target))
            sent.append(exchange)
            size += reply.answer.size
            waiting += ((link, away + 1) for link in _links(reply))
        return tuple(sent)


def _links(reply: Reply) -> Sequence[str]:
    return links_of(reply.answer, reply.target) if reply.answer.status < 400 else ()
