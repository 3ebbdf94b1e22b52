"""Experiments behind published figures, run from a clone: python -m experiments.NAME. Not part of the package."""
