"""Motion manipulation by keypoints (arXiv 2603.04302), plain form: see README.md beside this file."""
