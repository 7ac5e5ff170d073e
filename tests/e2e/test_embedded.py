"""Without an engine: this machine, archives, layouts and directories, into every form, as any user."""

from __future__ import annotations

import http.server
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient
from docker.models.containers import Container

from tests.e2e.tool import SECONDS, report
from tracewhale.rootfs.archive import open_docker_archive, open_oci
from tracewhale.rootfs.layers import open_layers

Archive = Callable[[str], Path]
NOWHERE = "unix:///nonexistent/docker.sock"
"""An engine that does not answer."""

RUNTIME_FILES = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}
"""The engine mounts over these paths and does not even show what an image has there."""

FETCH = "import sys, urllib.request as u; [print(u.urlopen(a).read().decode()) for a in sys.argv[1:]]"

pytestmark = pytest.mark.usefixtures("temporary", "probe")


def run(*command: str | Path) -> str:
    """A command's output; what it says is shown when it fails."""
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


def fetch(url: str) -> bytes:
    """A page, as soon as its server listens."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as page:
                return bytes(page.read())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextmanager
def running(client: DockerClient, image: str) -> Iterator[Container]:
    container = client.containers.run(image, detach=True, network_mode="host")
    try:
        yield container
    finally:
        container.remove(force=True, v=True)


@pytest.fixture
def base(unpacked: Callable[[str], tuple[str, Mapping[str, Any]]]) -> str:
    return f"rootfs:{unpacked('base')[0]}"


@pytest.fixture
def into_docker(docker_client: DockerClient, new_tag: Callable[[], str]) -> Callable[[Path], str]:
    """Have Docker load an OCI layout, by skopeo; gives the image's name."""

    def load(layout: Path) -> str:
        tag = new_tag()
        # skopeo does not look at DOCKER_HOST.
        engine = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        run("skopeo", "copy", "--dest-daemon-host", engine, f"oci:{layout}", f"docker-daemon:{tag}")
        return tag

    return load


def names_in(tree: Any) -> set[str]:
    return {path for path in tree.paths() if path not in RUNTIME_FILES}


def test_a_server_of_this_machine(
    docker_client: DockerClient, into_docker: Callable[[Path], str], tmp_path: Path
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<p>whale\n")
    port = free_port()
    command = ["/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    words = ["--workload", f"{sys.executable} -c '{FETCH}' http://$TRACEWHALE_IP:{port}/"]
    words += ["-w", str(tmp_path / "site"), "-o", f"oci:{tmp_path / 'layout'}", "host", "--", *command]
    found = report("run", *words, DOCKER_HOST=NOWHERE)
    assert found["verification"]["verified"]
    assert found["trace"]["lost"] == 0
    assert 0 < found["built"]["size"] < 100_000_000
    with running(docker_client, into_docker(tmp_path / "layout")):
        assert fetch(f"http://127.0.0.1:{port}/") == b"<p>whale\n"


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A page over TLS, and the certificate to trust."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    run(
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        *subject,
        "-keyout",
        key,
        "-out",
        certificate,
    )

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"secret whale\n")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://localhost:{server.server_address[1]}/", certificate
        server.shutdown()


def test_a_client_of_this_machine_over_tls(
    docker_client: DockerClient,
    into_docker: Callable[[Path], str],
    secure: tuple[str, Path],
    tmp_path: Path,
) -> None:
    url, certificate = secure
    words = [
        "-o",
        f"oci:{tmp_path / 'layout'}",
        "host",
        "--",
        "curl",
        "-sS",
        "--cacert",
        str(certificate),
        url,
    ]
    found = report("run", *words, DOCKER_HOST=NOWHERE)
    assert found["verification"]["output"] == "same"
    image = into_docker(tmp_path / "layout")
    assert docker_client.containers.run(image, network_mode="host", remove=True) == b"secret whale\n"


def test_the_same_files_as_through_docker(
    docker_client: DockerClient, archive: Archive, image: Any, new_tag: Callable[[], str], tmp_path: Path
) -> None:
    saved, layout, slim = archive("java"), tmp_path / "layout", new_tag()
    workload = f"{sys.executable} -c '{FETCH}' http://$TRACEWHALE_IP:8080/"
    steps = ["--workload", workload]
    found = report("run", *steps, "-o", f"oci:{layout}", f"docker-archive:{saved}", DOCKER_HOST=NOWHERE)
    through = report("run", *steps, "-t", slim, image("java"))
    with open_oci(str(layout)) as stored, open_layers(stored) as tree:
        embedded = names_in(tree)
    exported = tmp_path / "slim.tar"
    with exported.open("wb") as file:
        file.writelines(docker_client.images.get(slim).save(named=True))
    with open_docker_archive(str(exported)) as stored, open_layers(stored) as tree:
        assert names_in(tree) == embedded
    assert found["image"] == through["image"]
    assert abs(found["built"]["size"] - through["built"]["size"]) < 1_000_000


FORMS = {
    "oci": "oci:{}/out",
    "oci with a tag": "oci:{}/out:v1",
    "oci-archive": "oci-archive:{}/out",
    "docker-archive": "docker-archive:{}/out",
    "docker-archive with a name": "docker-archive:{}/out:whale/x:y",
    "rootfs": "rootfs:{}/out",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_a_target_again(base: str, tmp_path: Path, form: str) -> None:
    output = FORMS[form].format(tmp_path)
    found = report("run", "-o", output, base, "--", "cat", "/etc/os-release")
    assert found["verification"]["output"] == "same"
    trace = str(tmp_path / "trace")
    again = report("trace", "-o", trace, output, "--", "cat", "/etc/os-release", DOCKER_HOST=NOWHERE)
    assert again["trace"]["outcome"]["status"] == 0
    verified = report("verify", "--trust-trace", output, trace, DOCKER_HOST=NOWHERE)
    assert verified["verification"]["output"] == "same"


def test_docker_and_umoci_take_what_is_written(
    docker_client: DockerClient, base: str, new_tag: Callable[[], str], tmp_path: Path
) -> None:
    tag = new_tag()
    words = [base, "--", "cat", "/etc/debian_version"]
    report("run", "-o", f"docker-archive:{tmp_path}/saved.tar:{tag}", *words)
    report("run", "-o", f"oci:{tmp_path}/layout:v1", *words)
    run("docker", "load", "-i", tmp_path / "saved.tar")
    run("umoci", "unpack", "--image", f"{tmp_path}/layout:v1", tmp_path / "bundle")
    version = docker_client.containers.run(tag, ["cat", "/etc/debian_version"], remove=True)
    assert (tmp_path / "bundle/rootfs/etc/debian_version").read_bytes() == version != b""


def test_any_target_into_docker(
    docker_client: DockerClient, base: str, image: Any, new_tag: Callable[[], str], tmp_path: Path
) -> None:
    first, second = new_tag(), new_tag()
    command = ["--", "cat", "/etc/debian_version"]
    report("run", "-t", first, base, *command)
    report("run", "-o", f"docker-daemon:{second}", f"docker-daemon:{image('base')}", *command)
    report("run", "-o", f"rootfs:{tmp_path}/root", image("base"), *command)
    printed = {docker_client.containers.run(each, command[1:], remove=True) for each in (first, second)}
    assert printed == {(tmp_path / "root/etc/debian_version").read_bytes()}


def test_every_verb(archive: Archive, tmp_path: Path) -> None:
    target, trace, layout = (
        f"docker-archive:{archive('base')}",
        str(tmp_path / "trace"),
        f"oci:{tmp_path}/out",
    )
    assert report("trace", "-o", trace, target, "--", "cat", "/etc/os-release")["trace"]["lost"] == 0
    planned = {file["path"] for file in report("plan", trace)["plan"]["files"]}
    assert "/usr/lib/os-release" in planned
    report("build", "-o", layout, trace)
    with open_oci(f"{tmp_path}/out") as stored, open_layers(stored) as tree:
        assert set(tree.paths()) == planned
    assert report("verify", "--network", "host", layout, trace)["verification"]["verified"]


def test_a_trace_of_docker_is_verified_without_it(image: Any, tmp_path: Path) -> None:
    trace, layout = str(tmp_path / "trace"), f"oci:{tmp_path}/out"
    report("trace", "-o", trace, image("base"), "--", "cat", "/etc/debian_version")
    report("build", "-o", layout, trace)
    assert report("verify", "--network", "host", layout, trace)["verification"]["output"] == "same"


def test_a_directory_becomes_an_image_that_runs_what_was_traced(
    docker_client: DockerClient, base: str, into_docker: Callable[[Path], str], tmp_path: Path
) -> None:
    words = ["-e", "WHALE=blue", "-w", "/etc", "-u", "games", "-o", f"oci:{tmp_path}/out", base]
    script = "echo $WHALE; pwd; id -un; cat debian_version"
    found = report("run", *words, "--", "sh", "-c", script, DOCKER_HOST=NOWHERE)
    assert found["verification"]["output"] == "same"
    image = into_docker(tmp_path / "out")
    printed = docker_client.containers.run(image, remove=True).decode().splitlines()
    assert printed[:3] == ["blue", "/etc", "games"]
    with open(f"{base.removeprefix('rootfs:')}/etc/debian_version") as file:
        assert printed[3] == file.read().strip()
