"""Package URLs and licences, as in both forms."""

from __future__ import annotations

from functools import cache
from typing import Any

from license_expression import ExpressionError, get_spdx_licensing
from packageurl import PackageURL

from tracewhale.packages import Distribution, Package

SYSTEMS = frozenset({"deb", "rpm", "apk"})


def package_url(package: Package, distribution: Distribution) -> PackageURL:
    """Return a package's URL (package-url/purl-spec, PURL-TYPES), with the distribution of its package as the
    namespace."""
    version, qualifiers = package.version, {}
    namespace = package.namespace
    if package.kind in SYSTEMS:
        namespace = distribution.id or package.kind
        qualifiers = {"arch": package.architecture}
        if distribution.id and distribution.version:
            qualifiers["distro"] = f"{distribution.id}-{distribution.version}"
        if package.kind == "rpm":
            epoch, colon, rest = version.partition(":")
            if colon:
                qualifiers["epoch"], version = epoch, rest
        if package.source and package.kind == "rpm":
            qualifiers["upstream"] = package.source
        elif package.source:
            at = f"@{package.source_version}" if package.source_version else ""
            qualifiers["upstream"] = package.source + at
    return PackageURL(
        type=package.kind,
        namespace=namespace or None,
        name=package.name,
        version=version or None,
        qualifiers={name: value for name, value in qualifiers.items() if value} or None,
    )


def expression(licence: str) -> Any:
    """Return a licence as a parsed SPDX expression (SPDX 2.3, annex D), or None if it is not one."""
    if not licence:
        return None
    try:
        return _licensing().parse(licence, validate=True, strict=True)
    except (ExpressionError, TypeError, ValueError, RecursionError):
        return None


@cache
def _licensing() -> Any:
    return get_spdx_licensing()
