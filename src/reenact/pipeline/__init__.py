"""The one path from a driver to the portrait, moved: sources, animator, sinks, and what is composed of them."""
