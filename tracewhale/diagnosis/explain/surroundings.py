"""Messages about a program's surroundings: certificates, time zones, locales, names, fonts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

from tracewhale.diagnosis.explain.common import (
    base,
    by_name_in_full,
    finding,
    lookups,
    owned,
    there_in_full,
)
from tracewhale.diagnosis.libraries import lacking
from tracewhale.diagnosis.messages import Complaint
from tracewhale.diagnosis.model import Case, Finding, Sure, searched
from tracewhale.diagnosis.remedies import Remedies
from tracewhale.diagnosis.remedy import Remedy, set_variable
from tracewhale.diagnosis.search import find_all
from tracewhale.rootfs.tree import Kind

CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
)
"""The paths at which programs search root certificates (Go, crypto/x509/root_linux.go)."""

CERTIFICATE_WORDS = ("ca-certificates", "cert.pem", "ca-bundle", "cacert", "/certs", "cacerts")
ZONES = "/usr/share/zoneinfo"


def _missing(
    case: Case,
    complaint: Complaint,
    kind: str,
    cause: str,
    paths: Sequence[str],
    need: str,
    more: Sequence[Remedy] = (),
) -> Finding:
    """Return a finding for the files of a need."""
    there = there_in_full(case, paths)
    remedies = [
        *Remedies(case).copies(there),
        *Remedies(case).installs(_files(case, there) or owned(case, paths)[:1] or tuple(paths)[:1], need),
        *more,
    ]
    if not remedies:
        remedies = list(Remedies(case).files(tuple(paths)[:1], need))
    return finding(case, complaint, kind, cause, remedies, evidence=searched(paths), paths=there)


def _files(case: Case, paths: Sequence[str]) -> tuple[str, ...]:
    """Return those of some paths that are files in the complete image; directories belong to many
    packages."""
    full = case.full
    entries = [(path, full.resolve(path).entry) for path in paths] if full is not None else []
    return tuple(path for path, entry in entries if entry is not None and entry.kind is Kind.FILE)


def certificate(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a certificate that no root certificate in the image signs."""
    file = complaint.fact("path")
    for variable in (
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "NODE_EXTRA_CA_CERTS",
    ):
        place = case.environment.get(variable, "")
        if place and not case.exists(place):
            yield _missing(
                case,
                complaint,
                "certificate",
                f"{variable} is {place}, which is not in the image.",
                (place,),
                "certificates",
                [set_variable(variable, "")[0]],
            )
            return
    here = [path for path in (file, *CERTIFICATES) if path and case.exists(path)]
    absent = lookups(case, lambda p: any(word in p for word in CERTIFICATE_WORDS))
    if here and not (file and not case.exists(file)) and not there_in_full(case, absent):
        cause = (
            f"no certificate in {here[0]} vouches for the server's: it is of a private authority, or expired."
        )
        remedy = Remedy("update-ca-certificates", note="after COPY CA.crt /usr/local/share/ca-certificates/")
        yield finding(
            case,
            complaint,
            "certificate-authority",
            cause,
            (remedy,),
            sure=Sure.LIKELY,
            ground="the bundle is there, and the message says so",
        )
        return
    what = file or next((p for p in CERTIFICATES if p in absent), CERTIFICATES[0])
    paths = tuple(dict.fromkeys((*([file] if file else []), *absent, *CERTIFICATES)))
    yield _missing(
        case,
        complaint,
        "certificate",
        f"the image has no root certificates ({what} is not there).",
        paths,
        "certificates",
    )


def time_zone(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a time zone whose rules are missing."""
    name = complaint.fact("name", "by", "path") or case.environment.get("TZ", "").lstrip(":")
    place = f"{ZONES}/{name}" if name else ZONES
    absent = lookups(case, lambda p: "zoneinfo" in p)
    if case.exists(place) and name:
        return
    no_zones = case.full is None and not case.exists(ZONES)
    paths = (ZONES,) if no_zones or there_in_full(case, (ZONES,)) else (place, *absent)
    more = [Remedy("go build -tags timetzdata")] if "unknown time zone" in complaint.line else []
    more += [Remedy("pip install tzdata")] if "ZoneInfo" in complaint.line else []
    more += [Remedy("gem install tzinfo-data")] if "TZInfo" in complaint.line else []
    yield _missing(
        case,
        complaint,
        "time-zone",
        f"{place} is not in the image: it has no time zones.",
        paths,
        "time-zone",
        more,
    )


def locale(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a locale that the environment names."""
    name = complaint.fact("name")
    name = name or next((v for k in ("LC_ALL", "LC_CTYPE", "LANG") if (v := case.environment.get(k))), "")
    if not name and not complaint.soft:
        name = "that it asks for"
    if not name or name in ("C", "POSIX", "C.UTF-8", "C.utf8"):
        return
    absent = lookups(case, lambda p: "/locale/" in p)
    there = there_in_full(case, ("/usr/lib/locale/locale-archive", f"/usr/lib/locale/{name}"))
    variable = next((k for k, v in case.environment.items() if v == name and k.startswith("L")), "LC_ALL")
    more = set_variable(variable, "C.UTF-8")
    yield _missing(
        case, complaint, "locale", f"the image has no locale {name}.", there or absent, "locale", more
    )


def host(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a host name that was not resolved, because a file or an answer is missing."""
    name = complaint.fact("name") or "a host"
    modules = lookups(
        case, lambda p: re.search(r"/libnss_\w+\.so|/libresolv\.so|/libc\.so\.6", p) is not None
    )
    needed = there_in_full(case, modules)
    files = [
        p for p in ("/etc/nsswitch.conf", "/etc/hosts") if p in case.absent and there_in_full(case, (p,))
    ]
    if needed or (modules and any("libnss_dns" in p or "libnss_files" in p for p in modules)):
        paths = needed or modules
        wanted = ", ".join(dict.fromkeys(base(p) for p in paths))
        yield _missing(
            case,
            complaint,
            "name-service",
            f"the C library cannot resolve {name} without {wanted}.",
            paths,
            "glibc",
            [Remedy("CGO_ENABLED=0 go build", note="a program that resolves names itself")],
        )
        return
    if files:
        yield _missing(case, complaint, "name-service", f"{files[0]} is not in the image.", files, "netbase")
        return
    cause = f"nothing answers for the name {name}: no file is missing, it is the container's network."
    remedies = (Remedy("--network NETWORK"), Remedy("--add-host {}:ADDRESS", name))
    yield finding(
        case,
        complaint,
        "network",
        cause,
        remedies,
        sure=Sure.LIKELY,
        ground="all that resolves names is in the image",
    )


def fonts(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Yield fonts, and the configuration that finds them."""
    absent = lookups(case, lambda p: "font" in p.lower())
    there = there_in_full(case, (*absent, "/etc/fonts", "/usr/share/fonts", "/usr/share/fontconfig"))
    has = any(e.path for e in find_all(case.view, ("fonts",), 2000) if case.view.listing(e.path))
    if has and case.exists("/etc/fonts/fonts.conf") and not there:
        return
    directories = tuple(p for p in ("/etc/fonts", "/usr/share/fonts", "/usr/share/fontconfig") if p in there)
    yield _missing(
        case,
        complaint,
        "fonts",
        "the image has no fonts, or no /etc/fonts that tells where they are.",
        (*directories, *(p for p in there if not p.startswith(directories)))
        if directories
        else there or absent,
        "fonts",
    )


def terminal(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain the description of a terminal, terminfo(5)."""
    name = complaint.fact("name", "by", "path") or case.environment.get("TERM", "")
    if not name:
        yield finding(
            case, complaint, "terminal", "TERM is not set.", (Remedy("-e TERM=xterm"), Remedy("--tty"))
        )
        return
    places = [f"{d}/{name[0]}/{name}" for d in ("/usr/share/terminfo", "/lib/terminfo", "/etc/terminfo")]
    if any(case.exists(place) for place in places):
        return
    absent = lookups(case, lambda p: "terminfo" in p)
    yield _missing(
        case,
        complaint,
        "terminal",
        f"the image has no description of the terminal {name}.",
        there_in_full(case, places) or absent or places,
        "terminal",
    )


def service(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain names of services and protocols."""
    paths = [p for p in ("/etc/services", "/etc/protocols") if not case.exists(p)]
    if paths:
        yield _missing(
            case, complaint, "service", f"the image has no {' and no '.join(paths)}.", paths, "netbase"
        )


def openssl(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a missing configuration of OpenSSL, or a missing provider, which is a library."""
    name = complaint.fact("name", "reason")
    absent = lookups(case, lambda p: "ossl-modules" in p or p.endswith("openssl.cnf"))
    path = complaint.fact("path") or next(iter(absent), "")
    if name and not path:
        path = next(iter(by_name_in_full(case, f"{name}.so")), f"ossl-modules/{name}.so")
    if path and not case.exists(path):
        yield _missing(
            case,
            complaint,
            "openssl",
            f"{path} is not in the image.",
            tuple(dict.fromkeys((path, *absent))),
            "libssl.so.3",
        )


def git_helper(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a program that git runs for a protocol or a command of its own."""
    protocol = complaint.fact("name", "by") or complaint.fact("file").removeprefix("remote-") or "https"
    name = f"git-{protocol}" if protocol.startswith("remote-") else f"git-remote-{protocol}"
    plain = f"git-{protocol}"
    absent = lookups(case, lambda p: base(p) in (name, plain))
    core = "/usr/lib/git-core"
    there = there_in_full(case, [f"{core}/{name}", f"/usr/libexec/git-core/{name}", *absent])
    if case.full is not None and not there:
        there = by_name_in_full(case, name) or by_name_in_full(case, plain)
    if not absent and not there and "git-core" not in " ".join(case.absent) and case.trace is not None:
        return
    from_full = there_in_full(case, (*there, *(d for d in ("/usr/share/git-core/templates",))))
    place = there[0] if there else absent[0] if absent else f"{core}/{name}"
    libraries = lacking(case, there)
    yield _missing(
        case,
        complaint,
        "git-helper",
        f"git's helper {place} is not in the image.",
        tuple(dict.fromkeys((*from_full, *libraries))) or (place,),
        "git-https",
    )


def gconv(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a module of iconv(3) for a character set."""
    name = complaint.fact("name")
    absent = lookups(case, lambda p: "gconv" in p)
    there = there_in_full(case, absent)
    folder = next((os.path.dirname(p) for p in absent if "/gconv/" in p), "")
    if case.full is not None:
        folders = [e.path for e in find_all(case.full, ("gconv",), 4000) if e.kind is Kind.DIRECTORY]
        if folders and not case.exists(folders[0]):
            there = (folders[0],)
        elif folders:
            listing = case.full.listing(folders[0]) or {}
            there = there_in_full(case, [f"{folders[0]}/{n}" for n in sorted(listing)])
    what = f"the character set {name}" if name else "a character set"
    module = next((p for p in absent if p.endswith(".so")), "")
    place = there[0] if there else module or folder or "/usr/lib/gconv"
    if not (absent or there) and case.trace is not None:
        return
    yield _missing(
        case,
        complaint,
        "gconv",
        f"the C library's module for {what} is not in the image ({place}).",
        there or absent,
        "gconv",
    )


EXPLAINERS = {
    "certificate": certificate,
    "time-zone": time_zone,
    "locale": locale,
    "host": host,
    "fonts": fonts,
    "terminal": terminal,
    "service": service,
    "openssl": openssl,
    "git-helper": git_helper,
    "gconv": gconv,
}
