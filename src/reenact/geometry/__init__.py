"""Grids, rotations and keypoints: one file for each convention (docs/conventions.md)."""
