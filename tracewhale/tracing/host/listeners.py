"""The sockets that listen in a process's network: by sock_diag(7), or from the files of /proc/PID/net.

The files go through the kernel's whole table of connections, whose size is that of the memory: 10 ms on a
machine with 24 GB, where sock_diag takes 0.1 ms.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address

_DOCKER_DNS = "127.0.0.11"
"""The address at which a Docker engine itself listens in a container's network."""
_ACCEPTS = 1 << 16
"""The flag of a Unix socket that listens (__SO_ACCEPTCON)."""
_LISTEN = 10
"""TCP_LISTEN of linux/tcp_states.h."""
_SOCK_DIAG = 4
"""NETLINK_SOCK_DIAG, and SOCK_DIAG_BY_FAMILY is 20."""
_BY_FAMILY, _REQUEST_DUMP, _ERROR, _DONE = 20, 0x301, 2, 3
_CLONE_NEWNET = 0x40000000
_ANSWER = 1 << 16


def listening(pid: int) -> set[int]:
    """Return the TCP ports on which sockets in the process's network listen."""
    return {port for _, port in _listeners(pid)}


def ipv6_listeners(pid: int) -> set[int]:
    """Return the TCP ports on which sockets in the process's network listen at all its IPv6 addresses.

    Such a socket may take IPv4, too."""
    return {port for address, port in _listeners(pid) if address == "::"}


def local_listeners(pid: int) -> tuple[str, ...]:
    """Return the places at which sockets in the process's network listen for that network only: loopback
    addresses with ports, and the paths of Unix sockets (proc_net_unix in proc(5))."""
    places = {
        f"[::1]:{port}" if ":" in address else f"{address}:{port}"
        for address, port in _listeners(pid)
        if address.startswith("127.") or address == "::1"
    }
    for fields in _table(pid, "unix", 7):
        if len(fields) == 8 and int(fields[3], 16) & _ACCEPTS and fields[7].startswith("/"):
            places.add(fields[7])
    return tuple(sorted(places))


def _listeners(pid: int) -> Iterator[tuple[str, int]]:
    """Yield the address and port of each listening TCP socket in the process's network."""
    try:
        sockets = [pair for family in (socket.AF_INET, socket.AF_INET6) for pair in _dump(pid, family)]
    except (OSError, struct.error):  # no right to enter the network, or a kernel without sock_diag
        sockets = [pair for name in ("tcp", "tcp6") for pair in _from_table(pid, name)]
    for place, port in sockets:
        address = str(getattr(place, "ipv4_mapped", None) or place)
        if address != _DOCKER_DNS:
            yield address, port


def _table(pid: int, name: str, split: int) -> Iterator[list[str]]:
    with suppress(OSError), open(f"/proc/{pid}/net/{name}", encoding="utf-8", errors="replace") as table:
        next(table, None)
        for line in table:
            yield line.rstrip("\n").split(None, split)


def _from_table(pid: int, name: str) -> Iterator[tuple[IPv4Address | IPv6Address, int]]:
    """Yield places from proc_net_tcp in proc(5): addresses are words of 32 bits in the machine's order."""
    for fields in _table(pid, name, 4):
        if len(fields) > 3 and fields[3] == f"{_LISTEN:02X}":
            address, _, port = fields[1].rpartition(":")
            words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
            yield ip_address(b"".join(words)), int(port, 16)


def _dump(pid: int, family: int) -> list[tuple[IPv4Address | IPv6Address, int]]:
    """Ask sock_diag(7) for the listening sockets of a family. Raise OSError or struct.error."""
    sockets: list[tuple[IPv4Address | IPv6Address, int]] = []
    request = struct.pack("<BBxxI48x", family, socket.IPPROTO_TCP, 1 << _LISTEN)
    header = struct.pack("<IHHII", 16 + len(request), _BY_FAMILY, _REQUEST_DUMP, 0, 0)
    with _netlink(pid) as asker:
        asker.settimeout(5)
        asker.send(header + request)
        while True:
            answer = memoryview(asker.recv(_ANSWER))
            while len(answer) >= 16:
                size, kind = struct.unpack_from("<IH", answer)
                body, answer = answer[16:size], answer[max(16, size + 3 & ~3) :]
                if kind in (_ERROR, _DONE):
                    if number := struct.unpack_from("<i", body)[0]:
                        raise OSError(-number, "sock_diag")
                    return sockets
                wide = body[0] == socket.AF_INET6
                (port,) = struct.unpack_from(">H", body, 4)
                sockets.append((ip_address(bytes(body[8 : 24 if wide else 12])), port))


def _netlink(pid: int) -> socket.socket:
    """Return a socket of sock_diag in the network of a process. Raise OSError."""
    theirs = f"/proc/{pid}/ns/net"
    result: list[socket.socket | OSError] = []

    def work() -> None:
        try:
            if os.stat(theirs).st_ino != os.stat("/proc/thread-self/ns/net").st_ino:
                _enter(theirs)
            result.append(socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _SOCK_DIAG))
        except OSError as error:
            result.append(error)

    thread = threading.Thread(target=work)  # only this thread enters the network, and it ends
    thread.start()
    thread.join()
    if isinstance(result[0], OSError):
        raise result[0]
    return result[0]


def _enter(network: str) -> None:
    with open(network, "rb") as file:
        library = ctypes.CDLL(None, use_errno=True)
        if library.setns(file.fileno(), _CLONE_NEWNET) < 0:
            raise OSError(ctypes.get_errno(), "setns", network)
