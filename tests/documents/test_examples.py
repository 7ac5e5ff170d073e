"""Every console block of the documents runs, and prints what it says."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from docker import DockerClient

from tests.documents.examples import alike, examples, matches, run
from tests.documents.stage import DOCUMENTS, PREFIX, cleared, prepared

TEXT = """
Words.

```console
$ one \\
    two
out
$ three  # a remark
```

<!-- by hand: too slow -->
```console
$ four # exits with 3
```

```console
$ five
```

<!-- by hand: it downloads -->
```console
$ six
```
"""


def test_examples_are_read() -> None:
    found = [(each.command, each.output, each.status, each.line, each.by_hand) for each in examples(TEXT)]
    assert found == [
        ("one \\\n    two", ("out",), 0, 5, ""),
        ("three", (), 0, 8, ""),
        ("four", (), 3, 13, "too slow"),
        ("five", (), 0, 17, ""),
        ("six", (), 0, 22, "it downloads"),
    ]


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("a|...|z", "a|z", True),
        ("a|...|z", "a|b|c|z", True),
        ("a|...", "b", False),
        ("...|z", "z|a", False),
        ("size 9.9 MB", "size   10.2 MB", True),
        ("size 9.9 MB", "size 20.2 MB", False),
        ("2 requests", "3 requests", False),
    ],
)
def test_output_is_compared(shown: str, printed: str, same: bool) -> None:
    assert matches(shown.split("|"), printed.split("|")) is same


def test_words_count_and_blanks_do_not() -> None:
    assert alike("image  x  (5 %)", "image x (6 %)")
    assert not alike("image x", "image y")


@pytest.mark.timeout(900)
def test_the_examples_of_the_documents(
    docker_client: DockerClient, image: Callable[[str], str], tmp_path: Path, leaves_nothing: Path
) -> None:
    """All documents at the same time, because much of it is waiting for servers to start and to stop."""

    def wrong(document: str) -> list[str]:
        chosen = [each for each in examples(DOCUMENTS[document].read_text()) if not each.by_hand]
        assert chosen
        said = [(each, run(each, tmp_path / document, prefix_of(document))) for each in chosen]
        return [f"{document}:{each.line}: {text}" for each, text in said if text]

    with cleared(docker_client), ThreadPoolExecutor(len(DOCUMENTS)) as pool:
        # One after the other: builds of the same file at the same time leave layers behind.
        for document in DOCUMENTS:
            prepared(tmp_path / document, image, prefix_of(document))
        faults = [fault for found in pool.map(wrong, DOCUMENTS) for fault in found]
    if faults:
        pytest.fail("\n\n".join(faults), pytrace=False)


def prefix_of(document: str) -> str:
    """The prefix of what a document makes in the engine."""
    return f"{PREFIX}{document.lower()[:2]}-"
