"""SPDX 2.3 in JSON (spdx.github.io/spdx-spec/v2.3), by spdx-tools."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable

from spdx_tools.spdx.model.actor import Actor, ActorType
from spdx_tools.spdx.model.checksum import Checksum, ChecksumAlgorithm
from spdx_tools.spdx.model.document import CreationInfo, Document
from spdx_tools.spdx.model.file import File as SpdxFile
from spdx_tools.spdx.model.package import (
    ExternalPackageRef,
    ExternalPackageRefCategory,
    PackagePurpose,
    PackageVerificationCode,
)
from spdx_tools.spdx.model.package import Package as SpdxPackage
from spdx_tools.spdx.model.relationship import Relationship, RelationshipType
from spdx_tools.spdx.model.spdx_no_assertion import SpdxNoAssertion
from spdx_tools.spdx.writer.json.json_writer import write_document_to_stream

from tracewhale import __version__
from tracewhale.image.sbom.model import Sbom, SbomFile, SbomPackage
from tracewhale.image.sbom.names import expression, package_url

DOCUMENT, IMAGE = "SPDXRef-DOCUMENT", "SPDXRef-Image"


def dumps(sbom: Sbom) -> bytes:
    """Return the SBOM as one SPDX document: the image contains packages and files without one, packages their
    files."""
    packages = {f"SPDXRef-Package-{n}-{_id(p.owned.package.name)}": p for n, p in enumerate(sbom.parts)}
    files = {file.path: f"SPDXRef-File-{_short(file.path)}" for file in sbom.files}
    document = Document(
        CreationInfo(
            spdx_version="SPDX-2.3",
            spdx_id=DOCUMENT,
            name=sbom.name,
            document_namespace=f"https://spdx.org/spdxdocs/tracewhale-{sbom.identity}",
            creators=[Actor(ActorType.TOOL, f"tracewhale-{__version__}")],
            created=sbom.created.replace(tzinfo=None),
        ),
        packages=[_image(sbom), *(_package(sbom, name, part) for name, part in packages.items())],
        files=[_file(file, files[file.path]) for file in sbom.files],
        relationships=[
            Relationship(DOCUMENT, RelationshipType.DESCRIBES, IMAGE),
            *(Relationship(IMAGE, RelationshipType.CONTAINS, name) for name in packages),
            *(
                Relationship(name, RelationshipType.CONTAINS, files[file.path])
                for name, part in packages.items()
                for file in part.files
            ),
            *(
                Relationship(IMAGE, RelationshipType.CONTAINS, files[file.path])
                for file in sbom.files
                if not file.owned
            ),
        ],
    )
    stream = io.StringIO()
    write_document_to_stream(document, stream, validate=False)
    return stream.getvalue().encode() + b"\n"


def _image(sbom: Sbom) -> SpdxPackage:
    own = [file for file in sbom.files if not file.owned]
    return SpdxPackage(
        IMAGE,
        sbom.name,
        SpdxNoAssertion(),
        version=sbom.version or None,
        files_analyzed=bool(own),
        verification_code=PackageVerificationCode(_verification(own)) if own else None,
        primary_package_purpose=PackagePurpose.CONTAINER,
        comment=f"made from {sbom.base}" if sbom.base else None,
    )


def _package(sbom: Sbom, name: str, part: SbomPackage) -> SpdxPackage:
    package = part.owned.package
    licence = expression(package.licence)
    return SpdxPackage(
        name,
        package.title,
        SpdxNoAssertion(),
        version=package.version or None,
        supplier=Actor(ActorType.ORGANIZATION, package.supplier) if package.supplier else SpdxNoAssertion(),
        files_analyzed=bool(part.files),
        verification_code=PackageVerificationCode(_verification(part.files)) if part.files else None,
        license_declared=SpdxNoAssertion() if licence is None else licence,
        license_comment=package.licence if package.licence and licence is None else None,
        comment=f"{part.kept}: " + ("all" if part.owned.complete else "only some") + " of its files are kept",
        external_references=[
            ExternalPackageRef(
                ExternalPackageRefCategory.PACKAGE_MANAGER,
                "purl",
                package_url(package, sbom.distribution).to_string(),
            )
        ],
    )


def _file(file: SbomFile, name: str) -> SpdxFile:
    return SpdxFile(
        f".{file.path}",
        name,
        [
            Checksum(ChecksumAlgorithm.SHA1, file.digest.sha1),
            Checksum(ChecksumAlgorithm.SHA256, file.digest.sha256),
        ],
        comment="; ".join(file.reasons),
    )


def _verification(files: Iterable[SbomFile]) -> str:
    """Return the verification code of a package's kept files (SPDX 2.3, 7.9)."""
    joined = "".join(sorted(file.digest.sha1 for file in files))
    return hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()


def _id(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "-", name)


def _short(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()[:32]
