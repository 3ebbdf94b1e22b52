"""Grids and rotations: one file for each convention (docs/conventions.md)."""
