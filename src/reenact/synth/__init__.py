"""Rendered talking heads with exact truth, from CC0 files of public registries (docs/synth.md)."""
