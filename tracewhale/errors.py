"""Every error, with its exit code, the reason, and a hint on what to do next.

The library raises these; only the command line turns them into text and an exit code.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit status of the command line, one for each class of error (docs/exit-codes.md)."""

    OK = 0
    MISSING = 1
    USAGE = 2
    ENGINE = 3
    TARGET = 4
    PLATFORM = 5
    EMPTY_IMAGE = 6
    COMMAND_NOT_FOUND = 7
    COMMAND_KILLED = 8
    WORKLOAD = 9
    NO_SPACE = 10
    TAG = 11
    TRACE_FILE = 12
    VERIFICATION = 13
    TRACE_LOST = 14
    PROBE = 15
    IMAGE_CONTENT = 16
    UNTRUSTED = 17
    COMMAND_FAILED = 18
    IMAGE_GREW = 19
    NEW_PATHS = 20
    INTERNAL = 70
    HANGUP = 129
    INTERRUPTED = 130
    QUIT = 131
    TERMINATED = 143


class TraceWhaleError(Exception):
    """The root of the tree: a sentence that says what happened and why, and a hint on what to do next."""

    exit_code: ExitCode = ExitCode.INTERNAL

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


class UsageError(TraceWhaleError):
    """The request itself is not valid: an option's value, a combination."""

    exit_code = ExitCode.USAGE


class EngineError(TraceWhaleError):
    """No container engine answers, or it failed at a task."""

    exit_code = ExitCode.ENGINE


class TargetNotFound(TraceWhaleError):
    """There is no image, container, archive or directory of that name."""

    exit_code = ExitCode.TARGET


class PlatformMismatch(TraceWhaleError):
    """The image is for another architecture or operating system than the engine's."""

    exit_code = ExitCode.PLATFORM


class EmptyImage(TraceWhaleError):
    """The image has no files, or it has no command and none was given."""

    exit_code = ExitCode.EMPTY_IMAGE


class CommandNotFound(TraceWhaleError):
    """The command does not exist in the image, or cannot be executed there."""

    exit_code = ExitCode.COMMAND_NOT_FOUND


class RunFailed(TraceWhaleError):
    """A traced run went wrong."""


class CommandKilled(RunFailed):
    """The traced command was killed by a signal that TraceWhale did not send."""

    exit_code = ExitCode.COMMAND_KILLED


class CommandFailed(RunFailed):
    """The traced command ended with an unexpected status."""

    exit_code = ExitCode.COMMAND_FAILED


class WorkloadFailed(RunFailed):
    """A --workload or --exec command, or the image's health check, failed."""

    exit_code = ExitCode.WORKLOAD


class NoSpace(TraceWhaleError):
    """A disk is full: this machine's or the engine's."""

    exit_code = ExitCode.NO_SPACE


class InvalidTag(TraceWhaleError):
    """The name for the new image is not a valid reference."""

    exit_code = ExitCode.TAG


class TraceFileError(TraceWhaleError):
    """A trace file is truncated, damaged, or of an unknown version."""

    exit_code = ExitCode.TRACE_FILE


class VerificationFailed(TraceWhaleError):
    """The new image does not behave as the original did."""

    exit_code = ExitCode.VERIFICATION


class TraceLost(TraceWhaleError):
    """Events were lost, so that the trace cannot be trusted."""

    exit_code = ExitCode.TRACE_LOST


class ProbeError(TraceWhaleError):
    """The probe could not be started or stopped working."""

    exit_code = ExitCode.PROBE


class ImageContentError(TraceWhaleError):
    """An image's layer or configuration is malformed or hostile."""

    exit_code = ExitCode.IMAGE_CONTENT


class Untrusted(TraceWhaleError):
    """A trace file requests access to this machine that nobody has allowed."""

    exit_code = ExitCode.UNTRUSTED


class ImageGrew(TraceWhaleError):
    """The new image is larger than --max-size or --max-growth allows."""

    exit_code = ExitCode.IMAGE_GREW


class NewPaths(TraceWhaleError):
    """The new image has paths that the lock file lacks, and --fail-on-new was given."""

    exit_code = ExitCode.NEW_PATHS


class Interrupted(TraceWhaleError):
    """The user gave up (Ctrl-C twice), or a signal ended the work: ``exit_code`` is 128 + its number."""

    def __init__(self, what: str, hint: str = "", exit_code: ExitCode = ExitCode.INTERRUPTED) -> None:
        super().__init__(what, hint)
        self.exit_code = exit_code
