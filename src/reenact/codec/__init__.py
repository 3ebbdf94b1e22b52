"""Motion as a bitstream (docs/bitstream.md): `Sender` and `Receiver`, one packet a frame, and whole files. NumPy only."""
