"""sfd as its abstract has it: coefficients, latent codes, a generator of its own. From nothing: see ../README.md."""
