"""Names of a pool's splits that more than one module asks for."""

PHOTO = "ptrain"
"""single photos to train on"""
WARPED = "warped"
"""those, each moved to other poses and expressions (data/stills.py)"""
