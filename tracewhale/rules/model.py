"""The model of a rule: a fact about a runtime that is in neither a trace nor an ELF header. Frozen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One fact, and what to keep for it.

    The rule applies when a kept physical path matches one of ``when``, or a kept ELF object that needs a
    C library names one of the symbols ``imports``; each of ``also`` matches a kept path; and the image has
    none of ``unless``. Then the paths of ``keep`` that the image has are kept, and those of ``read`` are
    kept and given to the reader named ``reader``, which names more. ``source`` says where the fact is from.

    A glob knows ``*``, ``?``, ``[set]`` (none of them passes a slash or goes through a symbolic link) and
    ``**`` as a whole component: any number of directories or, at the end, all that is below. In ``when``
    and ``also`` one without a slash matches a file name anywhere: ``libc.so.6``. In ``keep``, ``read``
    and ``unless`` it begins with ``/``, or with ``./`` or ``../`` (from the directory of the path that
    triggered the rule), or with ``$LIB/`` (each library directory that is kept); with a slash at its end
    it stands for a directory only. A directory is kept without what is in it, unless ``**`` says so.
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
    """A physical path of the image that a rule keeps, because of a path that is kept already."""

    path: str
    rule: str
    because: str
