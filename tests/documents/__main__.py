"""Run the examples of documents by hand, also the slow ones: ``python -m tests.documents [NAME...]``."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import docker

from tests.documents.examples import examples, run
from tests.documents.stage import DOCUMENTS, cleared, prepared
from tests.images.make import ensure

client = docker.from_env(timeout=600)
wrong = 0
with tempfile.TemporaryDirectory(prefix="twdocs-") as scratch, cleared(client):
    prepared(Path(scratch) / "scene", lambda name: ensure(client, name), by_hand=True)
    for document in sys.argv[1:] or DOCUMENTS:
        for example in examples(DOCUMENTS[document].read_text()):
            begin = time.monotonic()
            said = run(example, Path(scratch) / "scene")
            wrong += bool(said)
            print(
                f"{document}:{example.line}: {time.monotonic() - begin:.1f} s {said or 'as shown'}",
                flush=True,
            )
sys.exit(wrong > 0)
