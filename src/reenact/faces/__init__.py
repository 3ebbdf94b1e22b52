"""Finding a face, estimating it (478 points, 52 blendshapes, pose), cropping it, pasting it back."""
