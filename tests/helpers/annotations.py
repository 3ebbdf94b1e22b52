"""A plugin of pytest (-p annotations): types and shapes of what functions are given and give are held to their annotations.

An int is a float where one is wanted (PEP 484), `Self` is not looked at (beartype knows it in decorated classes alone).
"""

from typing import Any, Self, TypeVar

from beartype import BeartypeConf, beartype
from hypothesis import settings
from jaxtyping import install_import_hook

_beartype = beartype(conf=BeartypeConf(is_pep484_tower=True))
F = TypeVar("F")


def checked(function: F) -> F:
    """The function, or the class, that looks at what it is given and what it gives."""
    hints = getattr(function, "__annotations__", {})
    if any(hint in ("Self", Self) for hint in hints.values() if isinstance(hint, str) or hint is Self):
        function.__annotations__ = {name: Any if hint in ("Self", Self) else hint for name, hint in hints.items()}
    return _beartype(function)


ROOMS = ("core", "geometry", "codec", "motion", "losses", "nn", "objectives", "faces", "media", "runtime", "methods")
"""whose functions and dataclasses are held to their types and shapes, at each call (jaxtyping's import hook)"""
install_import_hook([f"reenact.{room}" for room in ROOMS], "annotations.checked")


def pytest_sessionstart() -> None:
    """A property's examples differ in their numbers; their types and shapes a few show as well as a hundred."""
    settings.register_profile("annotated", max_examples=8, deadline=None)
    settings.load_profile("annotated")
