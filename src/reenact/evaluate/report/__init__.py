"""One HTML page out of results files: tables, claims beside ours, published figures, curves."""
