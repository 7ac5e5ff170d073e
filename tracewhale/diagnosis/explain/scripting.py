"""Messages about modules and extensions of Ruby, Perl, PHP, R and Erlang."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tracewhale.diagnosis.explain.common import (
    base,
    finding,
    listed_directories,
    lookups,
    owned,
    there_in_full,
)
from tracewhale.diagnosis.explain.modules import SearchPath, missing_module, renamed
from tracewhale.diagnosis.messages import Complaint
from tracewhale.diagnosis.model import Case, Finding
from tracewhale.diagnosis.remedies import Remedies, family, install
from tracewhale.diagnosis.remedy import Remedy
from tracewhale.diagnosis.search import find_all

PDO_DRIVERS = (
    "pdo_sqlite.so",
    "pdo_mysql.so",
    "pdo_pgsql.so",
    "pdo_odbc.so",
    "pdo_dblib.so",
    "pdo_firebird.so",
)
"""The extensions with a driver of PDO."""


def ruby_module(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a file that require did not find in $LOAD_PATH."""
    name = complaint.fact("name")
    if name.startswith("/"):
        yield missing_module(
            case,
            complaint,
            "ruby-module",
            f"the file {name}",
            [name, f"{name}.rb"],
            Remedies(case).files((f"{name}.rb",)),
        )
        return
    absent = lookups(case, lambda p: p.endswith((f"/{name}.rb", f"/{name}.so", f"/{name}")))
    if not owned(case, absent) and not there_in_full(case, absent) and (lost := _lost_before(case)):
        cause = f"{lost[0]} is not in the image, so Ruby tried {name} instead."
        remedies = [*Remedies(case).copies(lost), *Remedies(case).installs(lost)]
        yield finding(case, complaint, "ruby-module", cause, remedies, paths=lost)
        return
    yield missing_module(
        case,
        complaint,
        "ruby-module",
        f"the Ruby library {name}",
        absent,
        [install("gem", name.partition("/")[0])],
        absent,
        SearchPath((f"{name.removesuffix('.rb')}.rb", f"{name}.so"), "RUBYLIB"),
    )


def _lost_before(case: Case) -> tuple[str, ...]:
    """Return the files of Ruby that were searched without success and that the complete image or a package of
    the image has: a program may try another library after a failure, and the message names the last one."""
    absent = lookups(case, lambda path: "ruby" in path and path.endswith((".rb", ".so")))
    return there_in_full(case, absent) or owned(case, absent[:200])


def ruby_gem(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a gem that RubyGems or Bundler did not find."""
    name = complaint.fact("name")
    absent = lookups(case, lambda p: f"/{name}-" in p)
    view = case.full
    paths = [*absent]
    if view is not None:
        for entry in find_all(view, ("gems", "specifications"), 3000):
            listing = view.listing(entry.path) or {}
            paths += [f"{entry.path}/{n}" for n in sorted(listing) if n.startswith(f"{name}-")]
    yield missing_module(
        case,
        complaint,
        "ruby-gem",
        f"the gem {name}",
        paths,
        [Remedy("bundle install"), install("gem", name)],
        absent,
    )


def perl_module(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a module that is in no directory of @INC."""
    name = complaint.fact("name")
    module = name.removesuffix(".pm").replace("/", "::")
    paths = [f"{directory}/{name}" for directory in _inc(case, complaint)]
    debian = f"lib{module.replace('::', '-').lower()}-perl"
    fallback = [install("deb", debian)] if family(case.view) == "deb" else []
    fallback.append(install("cpan", module))
    core = Remedies(case).installs((), "perl")
    if owned_by_perl := owned(case, paths):
        core = Remedies(case).installs(owned_by_perl)
    yield missing_module(
        case,
        complaint,
        "perl-module",
        f"the Perl module {module}",
        paths,
        [*core[:1], *fallback] if _is_core(case, paths) else fallback,
        search=SearchPath((name,), "PERL5LIB"),
    )


def _is_core(case: Case, paths: Sequence[str]) -> bool:
    return any(
        p.startswith(("/usr/share/perl/", "/usr/share/perl5/core_perl")) for p in there_in_full(case, paths)
    )


def perl_object(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain the compiled part of a module (XS)."""
    name = complaint.fact("name")
    words = name.split("::")
    paths = [f"{directory}/auto/{'/'.join(words)}/{words[-1]}.so" for directory in _inc(case, complaint)]
    fallback = [install("cpan", name)]
    yield missing_module(
        case, complaint, "perl-object", f"the compiled part (XS) of the Perl module {name}", paths, fallback
    )


def _inc(case: Case, complaint: Complaint) -> list[str]:
    """Return the directories of @INC in the message."""
    match = re.search(r"\(@INC (?:contains|entries checked): ([^)]*)\)", case.output)
    return match[1].split() if match else []


def php_class(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a function or class of an extension that is not loaded."""
    name = complaint.fact("name") or "PDO"
    extensions = renamed()["php"]
    which = next((e for prefix, e in extensions.items() if name.startswith(prefix)), "")
    if not which:
        return
    library = {"xml": "dom", "mysql": "mysqli"}.get(which, which)
    absent = lookups(case, lambda p: base(p) in (f"{library}.so", f"{which}.so"))
    paths = list(absent)
    if case.full is not None:
        paths += [e.path for e in find_all(case.full, (f"{library}.so",), 6000)]
        inis = tuple(f"{number}-{library}.ini" for number in (10, 15, 20))
        paths += [e.path for e in find_all(case.full, inis, 6000)]
    disabled = _disabled(case, complaint, PDO_DRIVERS if name == "PDO" else (f"{library}.so",))
    if disabled is not None:
        yield disabled
        return
    kind = family(case.view)
    package = {"deb": f"php-{which}", "apk": f"php83-{which}", "rpm": f"php-{which}"}.get(kind, "")
    fallback = [install(kind, package)] if package else []
    fallback.append(Remedy("docker-php-ext-install {:package}", which))
    yield missing_module(
        case,
        complaint,
        "php-extension",
        f"the PHP extension {which}, which has {name},",
        paths,
        fallback,
        absent,
    )


def _disabled(case: Case, complaint: Complaint, libraries: Sequence[str]) -> Finding | None:
    """Return the finding for an installed extension that no php.ini names (PHP manual, extension)."""
    here = [e.path for e in find_all(case.view, libraries, 6000) if e.path not in case.paths]
    directory = next((path for path in listed_directories(case) if path.endswith("/conf.d")), "")
    if not here or not directory:
        return None
    title = base(here[0]).removesuffix(".so")
    place = f"{directory}/20-{title}.ini"
    cause = f"PHP's extension {title} is in the image ({here[0]}), and no file of {directory} enables it."
    remedies = (
        *Remedies(case).copies(there_in_full(case, (place, f"{directory}/15-{title}.ini"))),
        Remedy("echo {} > {}", f"extension={title}", place),
        *([Remedy("phpenmod {}", title)] if case.find_command("phpenmod") else []),
    )
    return finding(case, complaint, "php-extension", cause, remedies)


def php_extension(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain an extension named in php.ini."""
    path = complaint.fact("path")
    if case.exists(path):
        return
    yield missing_module(
        case,
        complaint,
        "php-extension",
        f"the PHP extension {base(path)}",
        [path],
        Remedies(case).files((path,)),
    )


def r_package(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a package that is in no library of .libPaths()."""
    name = complaint.fact("name")
    absent = lookups(case, lambda p: f"/{name}/" in p or p.endswith(f"/{name}"))
    paths = [
        f"{directory}/{name}"
        for directory in dict.fromkeys(
            (
                *(p.partition(f"/{name}")[0] for p in absent),
                "/usr/local/lib/R/site-library",
                "/usr/lib/R/site-library",
                "/usr/lib/R/library",
                "/usr/local/lib/R/library",
            )
        )
    ]
    debian = [install("deb", f"r-cran-{name.lower()}")] if family(case.view) == "deb" else []
    yield missing_module(
        case, complaint, "r-package", f"the R package {name}", paths, [*debian, install("cran", name)], absent
    )


def erlang_boot(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a boot script, or a module that it loads, which Erlang did not find."""
    module = complaint.fact("name")
    path = complaint.fact("path") or next(iter(lookups(case, lambda p: base(p) == f"{module}.beam")), "")
    if not path or case.exists(path):
        return
    yield finding(
        case,
        complaint,
        "file",
        f"{path} is not in the image, and Erlang does not start without it.",
        Remedies(case).files((path,)),
        paths=(path,),
    )


EXPLAINERS = {
    "erlang-boot": erlang_boot,
    "ruby-module": ruby_module,
    "ruby-gem": ruby_gem,
    "perl-module": perl_module,
    "perl-object": perl_object,
    "php-class": php_class,
    "php-extension": php_extension,
    "r-package": r_package,
}
