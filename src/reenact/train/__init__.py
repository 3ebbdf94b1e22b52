"""One readable loop; checkpoints that survive a kill."""
