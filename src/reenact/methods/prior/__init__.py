"""Semantic-aware prior (arXiv 2304.14471): see README.md beside this file."""

from reenact.methods import About, Claim

ABOUT = About(
    title="prior",
    paper="arXiv 2304.14471",
    claims=(
        Claim("average keypoint distance -7 % at equal bandwidth", "self", ("akd_68", "akd_mesh"), -7.0),
        Claim("emotion embedding distance -15 % at equal bandwidth", "self", ("emotion", "emotion_l2"), -15.0),
    ),
)
