"""One folder a method, the same files in each (docs/methods/adding-a-method.md). This is the only list of them.

A method's folder says what it is (`ABOUT`, here, without PyTorch), and `recipe.py` how it is trained. `METHOD` and
`method(config)` are its part of the stages that all methods share; `RECIPES` are the functions that return stages, each under
what follows the method's name at the command line ("" for the whole run).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from reenact.core.errors import ReenactError, ReenactWarning
from reenact.train.former import FORMER_STAGES

if TYPE_CHECKING:
    from reenact.train.config import Stage
    from reenact.train.recipe import Recipe

METHODS = ("mmfa", "prior", "sfd", "facevid2vid")
"""the folders; to add a method, add its name"""


@dataclass(frozen=True)
class Claim:
    """A paper's claim of being better than its baseline, and where ours would show it."""

    text: str
    protocol: str
    """of the results in which ours is looked up"""
    figures: tuple[str, ...]
    """keys of the results"""
    percent: float | None = None
    """the claimed relative change; None where no figure is known"""


@dataclass(frozen=True)
class About:
    """What is said of a method without loading it."""

    title: str
    """in tables"""
    paper: str
    claims: tuple[Claim, ...] = ()
    baseline: bool = False
    """there to be compared with"""


@runtime_checkable
class Trained(Protocol):
    """A method's recipe.py. It may have finish(model, pool) too -> what config.json is to say of an exported model."""

    METHOD: Recipe
    """in the form that ships"""
    method: Callable[[Any], Recipe]
    """(configuration) -> the same in another form"""
    RECIPES: Mapping[str, Callable[[], Stage | tuple[Stage, ...]]]


def about(name: str) -> About:
    """What one of METHODS is. Needs no PyTorch."""
    return import_module(f"reenact.methods.{name}").ABOUT


def trained(name: str) -> Trained:
    """How one of METHODS is trained."""
    return cast(Trained, import_module(f"reenact.methods.{name}.recipe"))


def recipe_names() -> list[str]:
    """What `recipe` takes: mmfa, mmfa_motion, ..."""
    return [f"{name}_{stage}" if stage else name for name in METHODS for stage in trained(name).RECIPES]


def recipe(name: str) -> tuple[Stage, ...]:
    """The stages of a recipe, in their order: of a method's name, or of that and one of its stages, as in mmfa_motion.

    A name that ends in _tiny makes its own data where none is given. Former names of stages work, and warn.
    Raises ReenactError where there is no such recipe.
    """
    method, _, stage = name.partition("_")
    now = FORMER_STAGES.get(stage)
    if method in METHODS and now and stage not in (known := trained(method).RECIPES) and now in known:
        warnings.warn(f"the recipe {name} is called {method}_{now} now", ReenactWarning, stacklevel=2)
        stage = now
    if method not in METHODS or stage not in (known := trained(method).RECIPES):
        raise ReenactError(f"there is no recipe {name!r}: take one of {', '.join(recipe_names())}")
    stages = known[stage]()
    return stages if isinstance(stages, tuple) else (stages,)
