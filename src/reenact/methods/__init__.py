"""One folder a method, the same files in each; and the recipes that train them: functions that return stages."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from reenact.core.errors import ReenactError

if TYPE_CHECKING:
    from reenact.train.config import Stage

RECIPES = {
    "mmfa": "reenact.methods.mmfa.recipe:whole",
    "mmfa_motion": "reenact.methods.mmfa.recipe:motion",
    "mmfa_render": "reenact.methods.mmfa.recipe:render",
    "mmfa_render256": "reenact.methods.mmfa.recipe:render256",
    "mmfa_joint": "reenact.methods.mmfa.recipe:joint",
    "mmfa_steady": "reenact.methods.mmfa.recipe:steady",
    "mmfa_mouths": "reenact.methods.mmfa.recipe:mouths",
    "mmfa_uncover": "reenact.methods.mmfa.recipe:uncover",
    "mmfa_drawing": "reenact.methods.mmfa.recipe:drawing",
    "mmfa_flow": "reenact.methods.mmfa.recipe:flow",
    "mmfa_motion_anew": "reenact.methods.mmfa.recipe:form",
    "mmfa_motion_without_vae": "reenact.methods.mmfa.recipe:without_vae",
    "mmfa_motion_without_projection": "reenact.methods.mmfa.recipe:without_projection",
    "mmfa_motion_in_camera": "reenact.methods.mmfa.recipe:in_camera",
    "mmfa_motion_without_scale": "reenact.methods.mmfa.recipe:without_scale",
    "mmfa_render_one_scale": "reenact.methods.mmfa.recipe:one_scale",
    "mmfa_render_several_scales": "reenact.methods.mmfa.recipe:several_scales",
    "mmfa_render_each_scale": "reenact.methods.mmfa.recipe:each_scale",
    "mmfa_tiny": "reenact.methods.mmfa.recipe:tiny",
    "facevid2vid": "reenact.methods.facevid2vid.recipe:whole",
    "facevid2vid_motion": "reenact.methods.facevid2vid.recipe:motion",
    "facevid2vid_render": "reenact.methods.facevid2vid.recipe:render",
    "facevid2vid_render256": "reenact.methods.facevid2vid.recipe:render256",
    "facevid2vid_joint": "reenact.methods.facevid2vid.recipe:joint",
    "facevid2vid_steady": "reenact.methods.facevid2vid.recipe:steady",
    "facevid2vid_through": "reenact.methods.facevid2vid.recipe:through",
    "facevid2vid_drawing": "reenact.methods.facevid2vid.recipe:drawing",
    "facevid2vid_tiny": "reenact.methods.facevid2vid.recipe:tiny",
    "prior": "reenact.methods.prior.recipe:whole",
    "prior_motion": "reenact.methods.prior.recipe:motion",
    "prior_render": "reenact.methods.prior.recipe:render",
    "prior_render256": "reenact.methods.prior.recipe:render256",
    "prior_joint": "reenact.methods.prior.recipe:joint",
    "prior_through": "reenact.methods.prior.recipe:through",
    "prior_tiny": "reenact.methods.prior.recipe:tiny",
    "sfd": "reenact.methods.sfd.recipe:whole",
    "sfd_motion": "reenact.methods.sfd.recipe:motion",
    "sfd_render": "reenact.methods.sfd.recipe:render",
    "sfd_render256": "reenact.methods.sfd.recipe:render256",
    "sfd_joint": "reenact.methods.sfd.recipe:joint",
    "sfd_through": "reenact.methods.sfd.recipe:through",
    "sfd_tiny": "reenact.methods.sfd.recipe:tiny",
}
"""name -> module:function; a name that ends in _tiny makes its own data where none is given"""


def recipe(name: str) -> tuple[Stage, ...]:
    """The stages of a recipe, in their order. Raises ReenactError where there is no such recipe."""
    if name not in RECIPES:
        raise ReenactError(f"there is no recipe {name!r}: take one of {', '.join(RECIPES)}")
    module, function = RECIPES[name].split(":")
    stages = getattr(import_module(module), function)()
    return stages if isinstance(stages, tuple) else (stages,)
