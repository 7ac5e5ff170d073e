"""Readers of configuration files: pure functions from a file's text to globs, by the name rules use.

A reader never fails: text that it does not understand names nothing. Names from a file are escaped, so that
they are no globs; ``read`` says that the named file is itself such a configuration (an include).
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tracewhale.rules.globs import escape


@dataclass(frozen=True, slots=True)
class ConfiguredGlob:
    """A glob as in ``keep`` of a rule; relative ones start at the configuration file's directory."""

    glob: str
    read: bool = False


Reader = Callable[[str], Iterator[ConfiguredGlob]]


def _lines(text: str, comments: str = "#") -> Iterator[str]:
    """Yield lines that are not blank, without comments that take a whole line."""
    for line in text.splitlines():
        line = line.strip()
        if line and line[0] not in comments:
            yield line


def _library(name: str, *places: str) -> Iterator[ConfiguredGlob]:
    """Yield a plugin by absolute path, by path beside the configuration, or by name in ``$LIB`` + places."""
    if name.startswith("/"):
        yield ConfiguredGlob(escape(name))
    elif "/" in name:
        yield ConfiguredGlob("./" + escape(name))
    elif name:
        for place in places or ("",):
            yield ConfiguredGlob(f"$LIB/{place}{escape(name)}")


def nsswitch(text: str) -> Iterator[ConfiguredGlob]:
    """Yield ``libnss_SERVICE.so.2`` of every service (nsswitch.conf(5)); files and dns are part of libc."""
    for line in _lines(text):
        services = re.sub(r"\[[^\]]*\]", " ", line.split("#")[0].partition(":")[2])
        for service in services.split():
            if "/" not in service and service not in ("files", "dns"):
                yield ConfiguredGlob(f"$LIB/libnss_{escape(service)}.so.2")


def pam(text: str) -> Iterator[ConfiguredGlob]:
    """Yield modules and included services (pam.d(5)): ``type control module``, ``@include``, ``include``."""
    for line in _lines(text.replace("\\\n", " ")):
        words = re.sub(r"\[[^\]]*\]", "[]", line).split()
        if words[0] == "@include" and len(words) > 1:
            yield from _pam_service(words[1])
            continue
        for control, module in itertools.pairwise(words):
            if control in ("include", "substack"):
                yield from _pam_service(module)
            elif module.endswith(".so"):
                yield from _library(module, "security/")


def _pam_service(name: str) -> Iterator[ConfiguredGlob]:
    yield ConfiguredGlob(escape(name) if name.startswith("/") else "/etc/pam.d/" + escape(name), read=True)


def openssl(text: str) -> Iterator[ConfiguredGlob]:
    """Yield included files, and the modules of activated providers and engines (config(5ssl))."""
    sections: dict[str, dict[str, str]] = {}
    section = sections.setdefault("default", {})
    for line in _lines(text.replace("\\\n", " ")):
        line = line.partition("#")[0].strip()
        header = re.fullmatch(r"\[\s*(.*?)\s*\]", line)
        include = re.fullmatch(r"\.include\s*=?\s*(.+)", line)
        if header:
            section = sections.setdefault(header[1], {})
        elif include and include[1].startswith("/"):
            yield ConfiguredGlob(escape(include[1]), read=True)
            yield ConfiguredGlob(escape(include[1]) + "/*.c*nf", read=True)
        elif "=" in line:
            key, _, value = line.partition("=")
            section[key.strip().rpartition(".")[2]] = value.strip().strip("\"'")
    for settings in list(sections.values()):
        for name, at in sections.get(settings.get("providers", ""), {}).items():
            chosen = sections.get(at, {})
            if "module" in chosen or chosen.get("activate", "0") not in ("0", "no", "off", "false"):
                module = chosen.get("module", f"{chosen.get('identity', name)}.so")
                yield from _library(module, "ossl-modules/")
        for name, at in sections.get(settings.get("engines", ""), {}).items():
            chosen = sections.get(at, {})
            identity = escape(chosen.get("engine_id", name))
            yield from _library(chosen.get("dynamic_path", ""))
            yield ConfiguredGlob(f"$LIB/engines-*/{identity}.so")


def krb5(text: str) -> Iterator[ConfiguredGlob]:
    """Yield included files and plugin modules (krb5.conf(5)): ``include``, ``includedir``, ``module =
    N:P``."""
    for line in _lines(text, "#;"):
        words = line.split()
        if words[0] == "include" and len(words) == 2:
            yield ConfiguredGlob(escape(words[1]), read=True)
        elif words[0] == "includedir" and len(words) == 2:
            yield ConfiguredGlob(escape(words[1]) + "/*", read=True)
        module = re.fullmatch(r"module\s*=\s*[^:]+:\s*(\S+)", line)
        if module:
            path = escape(module[1])
            yield ConfiguredGlob(path if path.startswith("/") else f"$LIB/krb5/plugins/{path}")


def p11_kit(text: str) -> Iterator[ConfiguredGlob]:
    """Yield ``module: NAME`` (pkcs11.conf(5)); a relative one is in p11-kit's module directory."""
    for line in _lines(text):
        key, _, value = line.partition(":")
        if key.strip() == "module":
            yield from _library(value.strip(), "pkcs11/", "")


def odbcinst(text: str) -> Iterator[ConfiguredGlob]:
    """Yield drivers and their setup libraries (unixODBC, odbcinst.ini)."""
    for line in _lines(text, "#;"):
        key, _, value = line.partition("=")
        if key.strip().lower() in ("driver", "driver64", "setup", "setup64", "trace library"):
            yield from _library(value.strip(), "odbc/", "")


def library_path(text: str) -> Iterator[ConfiguredGlob]:
    """Yield every ``library_path`` of a JSON manifest (libglvnd EGL vendors, Vulkan ICDs and layers)."""
    try:
        pending = [json.loads(text)]
    except (ValueError, RecursionError):
        return
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if isinstance(path := value.get("library_path"), str):
                yield from _library(path)
            pending += value.values()
        elif isinstance(value, list):
            pending += value


def library_list(text: str) -> Iterator[ConfiguredGlob]:
    """Yield the library on each line (cl_khr_icd: by name or absolute path)."""
    for line in _lines(text):
        yield from _library(line)


def module_cache(text: str) -> Iterator[ConfiguredGlob]:
    """Yield quoted paths of GTK's ``immodules.cache`` and gdk-pixbuf's ``loaders.cache``."""
    for line in _lines(text):
        module = re.match(r'"([^"]+\.so)"', line)
        if module:
            yield from _library(module[1])


def ld_so_conf(text: str) -> Iterator[ConfiguredGlob]:
    """Yield the included files of ld.so.conf, which are globs (ldconfig(8))."""
    for line in _lines(text):
        words = line.partition("#")[0].split()
        if words and words[0] == "include":
            for glob in words[1:]:
                yield ConfiguredGlob(glob if glob.startswith("/") else f"./{glob}", read=True)


def passwd(text: str) -> Iterator[ConfiguredGlob]:
    """Yield the home directories (passwd(5)) of root and of ordinary users (UID 1000 to 60000)."""
    for line in _lines(text):
        fields = line.split(":")
        if len(fields) >= 7 and fields[2].isascii() and fields[2].isdigit() and fields[5].startswith("/"):
            uid = int(fields[2][:12])
            if uid == 0 or 1000 <= uid <= 60000:
                yield ConfiguredGlob(escape(fields[5].rstrip("/")) + "/")


READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "nsswitch": nsswitch,
        "pam": pam,
        "openssl.cnf": openssl,
        "krb5": krb5,
        "p11-kit": p11_kit,
        "odbcinst": odbcinst,
        "library_path": library_path,
        "library list": library_list,
        "module cache": module_cache,
        "ld.so.conf": ld_so_conf,
        "passwd": passwd,
    }
)
"""The readers that a rule may name for its ``read`` files."""

DLOPEN_NOTES = "note.dlopen"
"""The one reader whose input are notes of kept ELF objects instead of files."""

FDO_DLOPEN = ("FDO", 0x407C0C0A)


def dlopen_note(description: bytes) -> Iterator[ConfiguredGlob]:
    """Yield sonames in ``.note.dlopen`` (uapi-group.org, "ELF Note for dlopen() Dependencies").

    The description is a JSON array of ``{"soname": [...], "priority": ...}``, NUL-terminated. Libraries that
    are only ``suggested`` are not kept, because the program works without them.
    """
    try:
        features = json.loads(description.rstrip(b"\0"))
    except (ValueError, RecursionError):
        return
    for feature in features if isinstance(features, list) else []:
        if isinstance(feature, dict) and feature.get("priority", "recommended") != "suggested":
            names = feature.get("soname")
            for name in names if isinstance(names, list) else []:
                if isinstance(name, str) and "/" not in name:
                    yield ConfiguredGlob(f"./{escape(name)}")
                    yield from _library(name)
