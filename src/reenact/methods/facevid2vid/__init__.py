"""One-shot free-view talking heads (arXiv 2011.15126), the baseline: see README.md beside this file."""

from reenact.methods import About

ABOUT = About(title="facevid2vid, the baseline", paper="arXiv 2011.15126", baseline=True)
