"""The languages of the closure, each with the function that makes its reader for an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from tracewhale.languages.configuration import LINES_OF, Configuration
from tracewhale.languages.data import Data
from tracewhale.languages.files import Files
from tracewhale.languages.java import Java
from tracewhale.languages.javascript import JavaScript
from tracewhale.languages.machine_code import MachineCode
from tracewhale.languages.model import Language
from tracewhale.languages.perl import Perl
from tracewhale.languages.php import Php
from tracewhale.languages.python import Python
from tracewhale.languages.rlang import RLanguage
from tracewhale.languages.ruby import Ruby
from tracewhale.languages.shell import Shell
from tracewhale.languages.templates import TemplateFiles

LANGUAGES: Mapping[str, Callable[[Files], Language]] = {
    "configuration": Configuration,
    **{name: partial(Configuration, name=name) for name in LINES_OF},
    "java": Java,
    "javascript": JavaScript,
    "machine-code": MachineCode,
    "perl": Perl,
    "php": Php,
    "python": Python,
    "r": RLanguage,
    "ruby": Ruby,
    "shell": Shell,
    "data": Data,  # the last two: whether a file is in a library is for its language to say
    "templates": TemplateFiles,
}
