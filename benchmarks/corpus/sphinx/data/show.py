"""Print the names and digests of what a build wrote, by the endings of the names."""

import hashlib
import pathlib
import sys

for path in sorted(pathlib.Path("/tmp/out").rglob("*")):
    if path.name.endswith(tuple(sys.argv[1:])):
        print(path, hashlib.sha256(path.read_bytes()).hexdigest()[:12])
