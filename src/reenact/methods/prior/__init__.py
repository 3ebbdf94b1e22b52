"""Semantic-aware prior (arXiv 2304.14471): see README.md beside this file."""
