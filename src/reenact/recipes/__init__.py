"""One function = one complete run: it returns the frozen configuration of every stage. To add a recipe, add its line."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from reenact.core.errors import ReenactError

if TYPE_CHECKING:
    from reenact.train.config import Stage

RECIPES = {
    "mmfa": "reenact.recipes.mmfa:whole",
    "mmfa_motion": "reenact.recipes.mmfa:motion",
    "mmfa_render": "reenact.recipes.mmfa:render",
    "mmfa_render256": "reenact.recipes.mmfa:render256",
    "mmfa_joint": "reenact.recipes.mmfa:joint",
    "mmfa_steady": "reenact.recipes.mmfa:steady",
    "mmfa_mouths": "reenact.recipes.mmfa:mouths",
    "mmfa_uncover": "reenact.recipes.mmfa:uncover",
    "mmfa_drawing": "reenact.recipes.mmfa:drawing",
    "mmfa_flow": "reenact.recipes.mmfa:flow",
    "mmfa_motion_anew": "reenact.recipes.mmfa:form",
    "mmfa_motion_without_vae": "reenact.recipes.mmfa:without_vae",
    "mmfa_motion_without_projection": "reenact.recipes.mmfa:without_projection",
    "mmfa_motion_in_camera": "reenact.recipes.mmfa:in_camera",
    "mmfa_motion_without_scale": "reenact.recipes.mmfa:without_scale",
    "mmfa_render_one_scale": "reenact.recipes.mmfa:one_scale",
    "mmfa_render_several_scales": "reenact.recipes.mmfa:several_scales",
    "mmfa_render_each_scale": "reenact.recipes.mmfa:each_scale",
    "mmfa_tiny": "reenact.recipes.mmfa:tiny",
    "facevid2vid": "reenact.recipes.facevid2vid:whole",
    "facevid2vid_motion": "reenact.recipes.facevid2vid:motion",
    "facevid2vid_render": "reenact.recipes.facevid2vid:render",
    "facevid2vid_render256": "reenact.recipes.facevid2vid:render256",
    "facevid2vid_joint": "reenact.recipes.facevid2vid:joint",
    "facevid2vid_steady": "reenact.recipes.facevid2vid:steady",
    "facevid2vid_through": "reenact.recipes.facevid2vid:through",
    "facevid2vid_drawing": "reenact.recipes.facevid2vid:drawing",
    "facevid2vid_tiny": "reenact.recipes.facevid2vid:tiny",
    "prior": "reenact.recipes.prior:whole",
    "prior_motion": "reenact.recipes.prior:motion",
    "prior_render": "reenact.recipes.prior:render",
    "prior_render256": "reenact.recipes.prior:render256",
    "prior_joint": "reenact.recipes.prior:joint",
    "prior_through": "reenact.recipes.prior:through",
    "prior_tiny": "reenact.recipes.prior:tiny",
    "sfd": "reenact.recipes.sfd:whole",
    "sfd_motion": "reenact.recipes.sfd:motion",
    "sfd_render": "reenact.recipes.sfd:render",
    "sfd_render256": "reenact.recipes.sfd:render256",
    "sfd_joint": "reenact.recipes.sfd:joint",
    "sfd_through": "reenact.recipes.sfd:through",
    "sfd_tiny": "reenact.recipes.sfd:tiny",
}
"""name -> module:function; a name that ends in _tiny makes its own data where none is given"""


def recipe(name: str) -> tuple[Stage, ...]:
    """The stages of a recipe, in their order. Raises ReenactError where there is no such recipe."""
    if name not in RECIPES:
        raise ReenactError(f"there is no recipe {name!r}: take one of {', '.join(RECIPES)}")
    module, function = RECIPES[name].split(":")
    stages = getattr(import_module(module), function)()
    return stages if isinstance(stages, tuple) else (stages,)
