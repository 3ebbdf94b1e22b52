"""Semantic facial descriptors (arXiv 2501.17718): see README.md beside this file."""
