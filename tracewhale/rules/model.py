"""The model of a rule: a fact about a runtime that is in neither a trace nor an ELF header. Frozen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One fact, and the paths to keep for it.

    The rule applies if a kept physical path matches one of ``when``, or a kept ELF object that needs a C
    library names one of the symbols ``imports``; each of ``also`` must match a kept path, and the image must
    have none of ``unless``. Then the image's paths of ``keep`` are kept, and those of ``read`` are kept and
    given to the reader named ``reader``, which names more. ``source`` is the source of the fact.

    A glob has ``*``, ``?``, ``[set]`` (none of them matches a slash or passes through a symbolic link) and
    ``**`` as a whole component: any number of directories or, at the end, everything below. In ``when`` and
    ``also`` a glob without a slash matches a file name anywhere: ``libc.so.6``. In ``keep``, ``read`` and
    ``unless`` it begins with ``/``, or with ``./`` or ``../`` (from the directory of the path that triggered
    the rule), or with ``$LIB/`` (each library directory that is kept); with a slash at its end it matches
    only directories. A directory is kept without its contents, unless ``**`` includes them.
    """

    name: str
    source: str
    when: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    reader: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Addition:
    """A physical path of the image that a rule keeps because of an already kept path."""

    path: str
    rule: str
    because: str
