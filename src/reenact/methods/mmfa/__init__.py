"""Motion manipulation by keypoints (arXiv 2603.04302), plain form: see README.md beside this file."""

from reenact.methods import About, Claim

ABOUT = About(
    title="**mmfa**",
    paper="arXiv 2603.04302",
    claims=(
        Claim("best FID across identities (no figure known)", "cross", ("fid", "kid")),
        Claim("best identity across identities (no figure known)", "cross", ("csim_arcface", "csim_sface")),
    ),
)
