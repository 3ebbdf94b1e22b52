"""From clips to pairs of frames with their truth."""
