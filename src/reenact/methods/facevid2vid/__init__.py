"""One-shot free-view talking heads (arXiv 2011.15126), the yardstick: see README.md beside this file."""
