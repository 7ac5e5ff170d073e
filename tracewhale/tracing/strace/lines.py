"""Parse one line of a log of strace(1): its process and its meaning. Pure, and safe for any text.

The supported forms are those since strace 4.8, with ``-f``, ``-y``/``-yy``, ``-Y``,
``-t``/``-tt``/``-ttt``/``-r``, ``-i``, ``-n``, ``-T``, ``-x``/``-xx`` and ``--decode-pids=pidns``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_HEAD = re.compile(
    r"(?:\[pid +(?P<bracketed>\d+)(?:<[^>]*>)?\] +|(?P<plain>\d+)(?:<[^>]*>)? +(?=\D|\d+[.:]))?"
    r"(?:(?P<clock>\d\d:\d\d:\d\d(?:\.\d+)?|\d+\.\d+)(?: \(\+ *\d+\.\d+\))? +)?"
    r"(?: *\d+\.\d+ +)?"
    r"(?:\[ *(?:[0-9a-f]+|\?+)\] +)*"
)
_NOISE = re.compile(
    r"strace: |Process \d+ (?:attached|detached|resumed|suspended)|\[ Process PID=|"
    r"--- .* ---$|<\.\.\. \?+ resumed>|<\.\.\. \w+ +<unfinished \.\.\.>$|"
    r"\+\+\+ superseded by execve|\+\+\+ .*\+\+\+$| > |$"
)
_END = re.compile(r"\+\+\+ (?:exited with \d+|killed by \w+(?: \(core dumped\))?) \+\+\+$")
_CALL = re.compile(r"(?P<name>[a-z_][a-z0-9_]*|syscall_0x[0-9a-f]+)\(")
_RESUMED = re.compile(r"<\.\.\. (?P<name>\w+) resumed> ?")
_CUT = re.compile(r" ?<(?:unfinished \.\.\.|detached \.\.\.|pid changed to (?P<changed>\d+) \.\.\.)>$")
_RESULT = re.compile(
    r"\) *= (?P<value>0x[0-9a-f]+|-?[0-9]+|\?)(?:<(?P<name>.*?)>(?:\(deleted\))?(?=$| ))?"
    r"(?: (?P<errno>E[A-Z0-9]+)\b)?(?:.*?/\* (?P<outside>\d+) in strace's PID NS \*/)?",
    re.IGNORECASE,
)
_SPECIAL = re.compile(r'["()\[\]{},]|(?<=[\dD])<(?!<)|/\*')
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_PATH_END = re.compile(r">")
_OTHER_END = re.compile(r"(?<!-)>")
_COMMENT_END = re.compile(r"\*/")
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))", re.DOTALL)
_PLAIN = {
    b"n": b"\n",
    b"t": b"\t",
    b"r": b"\r",
    b"v": b"\v",
    b"f": b"\f",
    b"a": b"\a",
    b"b": b"\b",
    b"e": b"\33",
}
_FILE = re.compile(
    r"(?P<number>AT_FDCWD|-?[0-9]+|0x[0-9a-f]+)(?:<(?P<name>.*)>(?:\(deleted\))?)?$", re.DOTALL
)
_MESSAGE = re.compile(r"strace: Process \d+ \w+$")
_CLOCK = re.compile(r"(\d\d):(\d\d):(\d\d(?:\.\d+)?)")


UNREADABLE = "???("
"""The call of a thread that another thread's execve killed at its entry, so that strace could not read it."""

SHOWN = 120
"""Characters of a malformed line that its message shows."""

CUT = "\0"
"""The mark of a line without an end; strace writes no such character."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a call: a number (None if it did not return), an error's name, a file's own path."""

    value: int | None
    errno: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A parsed line. ``pid`` is None if it has none, ``clock`` its time in seconds (``-tt``: of a day).

    ``kind`` is ``call`` (complete), ``start`` (interrupted by another process's line, or never finished),
    ``rest`` (of an interrupted one), ``end`` (of the process) or ``noise``. ``text`` begins with a call's
    arguments; ``changed`` is the process as which a thread continues after its execve.
    """

    kind: str
    pid: int | None
    clock: float | None = None
    epoch: bool = False
    name: str = ""
    text: str = ""
    changed: int | None = None


class Malformed(ValueError):
    """Raised for a line or an argument that strace itself never writes, with the reason."""


def whole_lines(texts: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers; join those that a message of strace (without ``-o``) has torn.

    A line without its newline gets a mark that makes it malformed.
    """
    torn = ""
    for number, text in enumerate(texts, start=1):
        kept = torn + (text.rstrip("\r\n") if text.endswith("\n") else CUT)
        torn = ""
        if kept.endswith("ed") and (message := _MESSAGE.search(kept)) and message.start():
            torn = kept[: message.start()]
        else:
            yield number, kept
    if torn:
        yield number, torn


def line(text: str) -> LogLine:
    """Parse a line. Raise Malformed for one that strace does not write."""
    if text.endswith(CUT):
        raise Malformed("is cut")
    head = _HEAD.match(text)
    assert head is not None  # every part of it may be absent
    number = head["bracketed"] or head["plain"]
    pid = int(number) if number else None
    clock, epoch = _seconds(head["clock"])
    rest = text[head.end() :]
    if rest.startswith(UNREADABLE):
        # Nor was its line always ended: the next one may stand in it.
        behind = rest.rpartition(UNREADABLE)[2]
        return line(behind) if behind[:1].isdigit() or behind.startswith("[pid") else LogLine("noise", pid)
    if _END.match(rest):
        return LogLine("end", pid, clock, epoch)
    if match := _CALL.match(rest):
        body = rest[match.end() :]
        cut = _CUT.search(body)
        if cut:
            changed = int(cut["changed"]) if cut["changed"] else None
            return LogLine("start", pid, clock, epoch, match["name"], body[: cut.start()], changed)
        return LogLine("call", pid, clock, epoch, match["name"], body)
    if match := _RESUMED.match(rest):
        if _CUT.search(rest):  # strace let go of the process: no more is known of the call
            return LogLine("noise", pid)
        return LogLine("rest", pid, clock, epoch, match["name"], rest[match.end() :])
    if _NOISE.match(rest) or _NOISE.match(text):
        return LogLine("noise", pid, clock, epoch)
    raise Malformed(f"is not one of strace's: {text[:SHOWN]!a}")


def _seconds(clock: str | None) -> tuple[float | None, bool]:
    if clock is None:
        return None, False
    if match := _CLOCK.fullmatch(clock):
        hours, minutes, seconds = match.groups()
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds), False
    seconds = float(clock)
    return (seconds, True) if seconds > 1e8 else (None, False)  # -r shows the time since the last line


def arguments(text: str) -> tuple[list[str], int]:
    """Return the arguments at the beginning of ``text``, and the position of the ``)`` after them, -1 without
    one."""
    result: list[str] = []
    begin = at = depth = 0
    missing: set[str] = set()  # ends that are not there, so that each is looked for once
    while special := _SPECIAL.search(text, at):
        word, at = special[0], special.end()
        if word in "([{":
            depth += 1
        elif word == "," and depth == 0:
            result.append(text[begin : at - 1].strip())
            begin = at
        elif word in ")]}" and depth == 0:
            return _with_last(result, text[begin : at - 1]), at - 1
        elif word in ")]}":
            depth -= 1
        elif word == '"':
            string = _STRING.match(text, at - 1)
            if string is None:
                break
            at = string.end()
        elif word != ",":
            at = _skip_annotation(text, at, word, missing)
    return _with_last(result, text[begin:]), -1


def _with_last(arguments_: list[str], last: str) -> list[str]:
    return [*arguments_, last.strip()] if arguments_ or last.strip() else []


def _skip_annotation(text: str, at: int, word: str, missing: set[str]) -> int:
    """Return the position after a comment or the text of ``-y`` for a descriptor, which may contain
    ``->``."""
    of_descriptor = _PATH_END if text.startswith("/", at) else _OTHER_END
    ending = of_descriptor if word == "<" else _COMMENT_END
    end = None if ending.pattern in missing else ending.search(text, at)
    if end is None:
        missing.add(ending.pattern)
        return at
    return end.end()


def result(text: str) -> Result:
    """Return the result, given the text from the ``)`` after the arguments on. Raise Malformed."""
    match = _RESULT.match(text)
    if match is None:
        if text.startswith(") = ?"):
            return Result(None)
        raise Malformed("has no result")
    value = None if match["value"] == "?" else _number(match["outside"] or match["value"])
    return Result(value, match["errno"] or "", _descriptor_path(match["name"]))


def _number(text: str) -> int:
    return int(text, 16 if text.startswith("0x") else 10)


def string(argument: str) -> str | None:
    """Return the string of an argument, or None if the argument is not a string. Raise Malformed for a cut
    one."""
    if argument.endswith('"...'):
        raise Malformed("has a path that is cut")
    if len(argument) < 2 or not argument.startswith('"') or not argument.endswith('"'):
        return None
    return _unquote(argument[1:-1])


def _unquote(text: str) -> str:
    """Undo strace's escapes: ``\n``, ``\57`` and ``\x2f``. Raise Malformed for a NUL."""
    unescaped = _unescape(text)
    if "\0" in unescaped:
        raise Malformed("has a character that no path can have")
    return unescaped


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text

    def byte(match: re.Match[bytes]) -> bytes:
        hexadecimal, octal, other = match.groups()
        if other is not None:
            return _PLAIN.get(other, other)
        return bytes([(int(hexadecimal, 16) if hexadecimal else int(octal, 8)) & 0xFF])

    return os.fsdecode(_ESCAPE.sub(byte, os.fsencode(text)))


def descriptor(argument: str) -> tuple[int | None, str]:
    """Return a file descriptor (None: AT_FDCWD) and its path from ``-y``, or "". Raise Malformed."""
    match = _FILE.match(argument)
    if match is None:
        raise Malformed("has something else in place of a file descriptor")
    number = None if match["number"] == "AT_FDCWD" else _number(match["number"])
    return (None if number in (-100, 0xFFFFFF9C) else number), _descriptor_path(match["name"])


def _descriptor_path(name: str | None) -> str:
    """Return the path of a descriptor from ``-y``; "" for sockets, pipes and the like.

    With ``-yy`` it is followed by the kind of a device in brackets.
    """
    path = _unquote((name or "").partition("<")[0]).removesuffix(" (deleted)")
    return path if path.startswith("/") else ""


def flags(argument: str) -> frozenset[str]:
    """Return the names of an argument's flags, and a number for those without names.

    Raise Malformed for a number alone, because numbers differ between machines.
    """
    if argument[:1].isdigit() and argument != "0":
        raise Malformed("has a number in place of flags (-X raw)")
    return frozenset(argument.split("|"))


def has(argument: str, name: str, bit: int) -> bool:
    """Return whether a flag is set, by its name or its bit (``-X raw``)."""
    for word in argument.split("|"):
        if word == name:
            return True
        if word[:1].isdigit():
            try:
                if int(word, 0) & bit:
                    return True
            except ValueError:
                continue
    return False


def field(argument: str, name: str) -> str:
    """Return the text of a structure's field: ``flags`` in ``{flags=O_RDONLY, mode=0}``; "" if absent."""
    for member in structure(argument):
        key, equals, value = member.partition("=")
        if equals and key == name:
            return value
    return ""


def structure(argument: str) -> list[str]:
    """Return the members of a structure or an array in order; none for any other argument."""
    if argument[:1] not in ("{", "["):
        return []
    return arguments(argument[1:])[0]
