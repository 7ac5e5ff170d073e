"""CycloneDX 1.6 in JSON (cyclonedx.org/docs/1.6/json), by cyclonedx-python-lib."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.contact import OrganizationalEntity
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6

from tracewhale import __version__
from tracewhale.image.sbom.model import Sbom, SbomFile, SbomPackage
from tracewhale.image.sbom.names import expression, package_url
from tracewhale.packages import Package

REASON, KEPT, ALSO, BASE = (f"tracewhale:{name}" for name in ("reason", "kept", "package", "base"))


def dumps(sbom: Sbom) -> bytes:
    """Return the SBOM as one CycloneDX document: packages with their files in them, then files without a
    package."""
    image = Component(
        name=sbom.name,
        type=ComponentType.CONTAINER,
        version=sbom.version or None,
        bom_ref="image",
        properties=[Property(name=BASE, value=sbom.base)] if sbom.base else None,
    )
    owners: dict[str, list[int]] = {}
    for number, part in enumerate(sbom.parts):
        for file in part.files:
            owners.setdefault(file.path, []).append(number)
    parts = [_package(sbom, number, part, owners) for number, part in enumerate(sbom.parts)]
    others = [_file(file, []) for file in sbom.files if file.path not in owners]
    bom = Bom(
        components=[*parts, *others],
        serial_number=sbom.identity,
        metadata=BomMetaData(
            component=image,
            timestamp=sbom.created,
            tools=ToolRepository(
                components=[Component(name="tracewhale", version=__version__, type=ComponentType.APPLICATION)]
            ),
        ),
    )
    bom.register_dependency(image, [*parts, *others])
    for component in parts:
        bom.register_dependency(component, component.components)
    return JsonV1Dot6(bom).output_as_string(indent=2).encode() + b"\n"


def _package(sbom: Sbom, number: int, part: SbomPackage, owners: Mapping[str, list[int]]) -> Component:
    """Return a package with its files; a file of several packages is in the first of them and names the
    others."""
    package = part.owned.package
    own = [file for file in part.files if owners[file.path][0] == number]
    return Component(
        name=package.name,
        group=package.namespace or None,
        version=package.version or None,
        type=ComponentType.LIBRARY,
        bom_ref=f"package-{number}-{package.name}",
        purl=package_url(package, sbom.distribution),
        supplier=OrganizationalEntity(name=package.supplier) if package.supplier else None,
        licenses=list(_licences(package)),
        properties=[Property(name=KEPT, value=part.kept)],
        components=[_file(file, [_url(sbom, other) for other in owners[file.path][1:]]) for file in own],
    )


def _url(sbom: Sbom, number: int) -> str:
    return package_url(sbom.parts[number].owned.package, sbom.distribution).to_string()


def _file(file: SbomFile, others: list[str]) -> Component:
    return Component(
        name=file.path,
        type=ComponentType.FILE,
        bom_ref=f"file:{file.path}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=file.digest.sha256)],
        properties=[
            *(Property(name=REASON, value=reason) for reason in file.reasons),
            *(Property(name=ALSO, value=other) for other in others),
        ],
    )


def _licences(package: Package) -> Iterator[LicenseExpression | DisjunctiveLicense]:
    parsed = expression(package.licence)
    if parsed is not None:
        yield LicenseExpression(str(parsed))
    elif package.licence:
        yield DisjunctiveLicense(name=package.licence)
