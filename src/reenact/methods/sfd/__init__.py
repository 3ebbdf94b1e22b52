"""Semantic facial descriptors (arXiv 2501.17718): see README.md beside this file."""

from reenact.methods import About, Claim

ABOUT = About(
    title="sfd",
    paper="arXiv 2501.17718",
    claims=(
        Claim("best identity (no figure known)", "cross", ("csim_arcface", "csim_sface")),
        Claim("best motion (no figure known)", "cross", ("aed_exp", "ard")),
    ),
)
