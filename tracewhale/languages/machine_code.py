"""Commands that machine code names: strings that it refers to, in files that can execute programs.

Searching for NUL bytes is not enough, because the linker merges strings with a common tail (``xz`` is inside
``/usr/bin/xz``). A string counts if code (``lea`` relative to ``rip``; ``adrp`` and ``add``) or a relocation
(R_*_RELATIVE) refers to its address.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tracewhale.languages.commands import Commands
from tracewhale.languages.files import Files
from tracewhale.languages.model import ELF, IN_CODE, Import, Mention, MissingImport
from tracewhale.rootfs.tree import Entry, parent

EXECUTING = frozenset(
    b"execl execle execlp execv execve execvp execvpe execveat fexecve posix_spawn posix_spawnp popen"
    b" system".split()
)
"""Functions that execute a program."""

EVERYDAY = frozenset(
    "addpart admin agetty alias ar arch asa at awk b2sum base32 base64 basename basenc bash batch bc bg "
    "blkid blockdev cal captoinfo cat cd cfdisk cflow chattr chcon chcpu chfn chgrp chmod choom chown "
    "chroot chrt chsh cksum clear cmp col colcrt column comm command compress cp crontab csplit ctags "
    "ctrlaltdel cut cxref date dd delpart delta df diff dir dircolors dirname dmesg du echo ed eject "
    "env ex expand expr factor fallocate false fc fdisk fg file find findfs findmnt flock fmt fold fsck "
    "fsfreeze fstrim fuser gencat get getconf getopt getopts grep groups hash head hexdump hostid "
    "hostname hwclock i386 iconv id infocmp infotocap install ionice ipcmk ipcrm ipcs isosize jobs join "
    "kill last lex link linux32 linux64 ln locale localedef logger login logname look losetup lp ls "
    "lsblk lscpu lsns m4 mailx make man mcookie md5sum mesg mkdir mkfifo mkfs mknod mkswap mktemp more "
    "mount mountpoint mv namei newgrp nice nl nm nohup nologin nproc nsenter numfmt od partx passwd "
    "paste patch pathchk pax pinky pivot_root pr printenv printf prlimit prs ps ptx pwd read readlink "
    "realpath rename renice reset rev rm rmdel rmdir runcon runuser sact sccs script sed seq service "
    "setarch setpriv setsid setterm sfdisk sg sh sha1sum sha224sum sha256sum sha384sum sha512sum shred "
    "shuf sleep sort split stat stdbuf strings strip stty su sulogin sum swapoff swapon switch_root "
    "sync tabs tac tail talk taskset tee test tic time timeout toe touch tput tr true truncate tset "
    "tsort tty type ul ulimit umask umount unalias uname uncompress unexpand unget uniq unlink unshare "
    "users uucp uudecode uuencode uuidgen uustat uux val vdir vi vigr vipw wait wall wc what whereis "
    "which who whoami wipefs write x86_64 xargs yacc yes zcat".split()
)
"""The utilities of POSIX.1-2017 (XCU), GNU coreutils, util-linux and ncurses, whose names in code are mere
words."""

LEA = re.compile(rb"[\x48\x4c]\x8d[\x05\x0d\x15\x1d\x25\x2d\x35\x3d](?=....)", re.DOTALL)
WORD = re.compile(rb"[a-z0-9][\w.+-]{1,40}(?=\0)|/[\w./+-]{3,200}(?=\0)|[a-z][\w.+-]{1,20}-%s(?=\0)")
X86_64, AARCH64 = 62, 183
R_RELATIVE = {X86_64: 8, AARCH64: 1027}
SHT_DYNSYM = 11
SHELLS = frozenset({"sh", "bash", "dash"})
INTERPRETER = re.compile(
    r"(?:ba|da|z|k|mk)?sh\d?|(?:perl|python|ruby|php|node|lua|tclsh|awk|gawk|mawk)[\d.-]*|busybox"
)
"""Programs whose strings are the words of a language."""

MATCHES = 200
DISPATCHED = 4 << 20
"""The most bytes of all commands that match a pattern for any subcommand (``git-%s``), which the user
chooses."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a file: its type and flags, its address in memory, and its range in the file."""

    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int


class MachineCode:
    """The commands that a program's code names, except for the everyday utilities."""

    name = "machine-code"

    def __init__(self, files: Files) -> None:
        self._files = files
        self._commands = Commands(files)

    def reads(self, entry: Entry, head: bytes) -> bool:
        name = entry.path.rpartition("/")[2]
        return head.startswith(ELF + b"\x02\x01") and ".so" not in name and bool(entry.mode & 0o111)

    def mentions(self, path: str, content: bytes) -> Iterable[Mention]:
        if not EXECUTING & imported(content):
            return ()
        words = dict.fromkeys(words_referred_to(content))
        return (Mention(0, word, IN_CODE, True) for word in words if word not in EVERYDAY)

    def is_library(self, path: str) -> bool:
        return True

    def resolve(self, path: str, mentions: Iterable[Mention]) -> Iterator[Import | MissingImport]:
        own = path.rpartition("/")[2]
        names = [mention.name for mention in mentions]
        directories = [name for name in names if name.startswith("/") and self._files.is_directory(name)]
        for name in names:
            if name.endswith("%s"):
                targets = self._matches(own, name.removesuffix("%s"), directories)
            elif name.rpartition("/")[2] in (own, *SHELLS) or (name[0] != "/" and INTERPRETER.fullmatch(own)):
                continue
            else:
                target = self._commands.find(name) if name[0] == "/" else self._in_bin(name)
                targets = [target] if target else []
            for target in targets:
                yield Import(path, 0, name, target, IN_CODE, True)

    def _in_bin(self, word: str) -> str | None:
        """Return a command that every user has; names of an administrator's tools are mere words, too."""
        target = self._commands.find(word)
        return None if target is None or parent(target).endswith("/sbin") else target

    def _matches(self, own: str, prefix: str, directories: list[str]) -> list[str]:
        """Return the commands that a pattern (``remote-%s``) matches, also after a name (``git-remote-x``).

        They are searched in PATH and in the directories that the program names.
        """
        starts = tuple({prefix, f"{own}-{prefix}"})
        places = (*self._commands.places, *directories[:MATCHES])
        listed = ((place, name) for place in places for name in self._files.listing(place))
        paths = [f"{place}/{name}" for place, name in listed if name.startswith(starts)]
        commands = [path for path in sorted(paths)[:MATCHES] if self._commands.find(path)]
        files = {entry.path: entry.size for path in commands if (entry := self._files.entry(path))}
        return [] if prefix == f"{own}-" and sum(files.values()) > DISPATCHED else commands


def words_referred_to(content: bytes) -> Iterator[str]:
    """Yield the strings of a file that could name a command and to which its code or relocations refer."""
    sections = list(_sections(content))
    (machine,) = struct.unpack_from("<H", content, 18) if len(content) > 64 else (0,)
    data = [header for header in sections if header.flags & 2 and header.kind == 1 and not header.flags & 4]
    for address in _addresses(content, machine, sections):
        for section in data:
            if section.address <= address < section.address + section.size:
                match = WORD.match(content, section.offset + address - section.address)
                if match:
                    yield match[0].decode("ascii", "replace")
                break


def imported(content: bytes) -> set[bytes]:
    """Return the names of the undefined symbols of the dynamic symbol table."""
    sections = list(_sections(content))
    functions: set[bytes] = set()
    for section in sections:
        if section.kind != SHT_DYNSYM or section.link >= len(sections):
            continue
        strings = sections[section.link]
        names = content[strings.offset : strings.offset + strings.size]
        table = content[section.offset : section.offset + section.size - section.size % 24]
        for name, _, _, index, _, _ in struct.iter_unpack("<IBBHQQ", table):
            if not index and name < len(names):
                functions.add(names[name : max(names.find(b"\0", name), name)])
    return functions


def _sections(content: bytes) -> Iterator[Section]:
    if len(content) < 64:
        return
    (table,) = struct.unpack_from("<Q", content, 40)
    width, count = struct.unpack_from("<HH", content, 58)
    if width != 64 or table + width * count > len(content):
        return
    for number in range(count):
        row = struct.unpack_from("<IIQQQQI", content, table + 64 * number)
        _, kind, flags, address, offset, size, link = row
        if offset + size <= len(content):
            yield Section(kind, flags, address, offset, size, link)


def _addresses(content: bytes, machine: int, sections: Iterable[Section]) -> set[int]:
    """Return the addresses to which executable sections and relocations refer."""
    addresses: set[int] = set()
    for section in sections:
        part = content[section.offset : section.offset + section.size]
        if section.kind == 1 and section.flags & 4 and machine == X86_64:
            addresses |= {
                section.address + at + 7 + int.from_bytes(part[at + 3 : at + 7], "little", signed=True)
                for at in (match.start() for match in LEA.finditer(part))
            }
        elif section.kind == 1 and section.flags & 4 and machine == AARCH64:
            addresses |= set(_adrp(part, section.address))
        elif section.kind == 4:
            relative = R_RELATIVE.get(machine)
            complete = part[: len(part) - len(part) % 24]
            rows = struct.iter_unpack("<QQq", complete)
            addresses |= {addend for _, info, addend in rows if info & 0xFFFFFFFF == relative}
    return addresses


def _adrp(code: bytes, address: int) -> Iterator[int]:
    """Yield targets of ``adrp Xd, page`` with an ``add Xn, Xd, offset`` soon after (Arm ARM, C6.2)."""
    pages: dict[int, tuple[int, int]] = {}
    for number, (word,) in enumerate(struct.iter_unpack("<I", code[: len(code) - len(code) % 4])):
        if word & 0x9F000000 == 0x90000000:
            delta = (word >> 29 & 3) | (word >> 5 & 0x7FFFF) << 2
            delta -= (delta & 1 << 20) << 1
            pages[word & 31] = (((address + 4 * number) & ~0xFFF) + (delta << 12), number)
        elif word & 0xFFC00000 == 0x91000000 and (word >> 5 & 31) in pages:
            page, at = pages[word >> 5 & 31]
            if number - at < 16:
                yield page + (word >> 10 & 0xFFF)
