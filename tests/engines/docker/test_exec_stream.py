"""The engine's multiplexed streams, however the connection cuts them."""

from __future__ import annotations

import io
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from tracewhale.engines.docker.exec_stream import ProcessOutput, demultiplex

frames = st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40)), max_size=12)


def encoded(sent: Iterable[tuple[int, bytes]]) -> bytes:
    return b"".join(bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data for stream, data in sent)


def joined(received: Iterable[tuple[int, bytes]], wanted: int) -> bytes:
    return b"".join(data for stream, data in received if stream == wanted)


@given(frames, st.integers(1, 50))
def test_frames_cut_anywhere(sent: list[tuple[int, bytes]], size: int) -> None:
    data = encoded(sent)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    received = list(demultiplex(pieces))
    assert [joined(received, stream) for stream in (1, 2)] == [joined(sent, stream) for stream in (1, 2)]
    assert all(piece for _, piece in received)


@given(frames, st.data())
def test_a_connection_that_breaks_gives_what_had_come(
    sent: list[tuple[int, bytes]], draw: st.DataObject
) -> None:
    data = encoded(sent)
    cut = draw.draw(st.integers(0, len(data)))
    received = list(demultiplex([data[:cut]]))
    assert all(joined(sent, stream).startswith(joined(received, stream)) for stream in (1, 2))


class Recorded:
    """An attached process whose output is known."""

    def __init__(self, sent: list[tuple[int, bytes]]) -> None:
        self._sent = sent

    def frames(self) -> Iterable[tuple[int, bytes]]:
        return demultiplex([encoded(self._sent)])


@given(frames)
def test_standard_output_is_a_file_and_errors_are_kept(sent: list[tuple[int, bytes]]) -> None:
    output = ProcessOutput(Recorded(sent))  # type: ignore[arg-type]
    assert io.BufferedReader(output).read() == joined(sent, 1)
    assert bytes(output.errors) == joined(sent, 2)
