"""Pure functions on `Motion`, NumPy only: transfer, parts, edits, the filter, blendshapes, takes. No method is named here."""
