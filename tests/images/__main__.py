"""``python -m tests.images [NAME...]``: make the images of the tests, all of them by default."""

import contextlib
import sys

import docker

from tests.images.make import SECONDS, ensure, names

with contextlib.closing(docker.from_env(timeout=SECONDS)) as client:
    for name in sys.argv[1:] or names():
        image = client.images.get(ensure(client, name))
        print(f"{image.tags[0]} {image.attrs['Size']} bytes")
