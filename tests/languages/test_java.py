"""Java's classes and jars in small trees."""

from __future__ import annotations

from tests.languages.text import closed, edges

TREE = r"""
        /app/META-INF/services/javax.x: # c\ncom.x.Impl # here\n
        /app/com/x/Impl.class: c
"""


def test_a_service_names_a_class_of_its_class_path() -> None:
    assert edges(closed(TREE, ["/app/META-INF/services/javax.x"])).splitlines() == [
        "/app/META-INF/services/javax.x:2 com.x.Impl -> /app/com/x/Impl.class (service, lazy)",
    ]
