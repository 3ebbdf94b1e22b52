"""One function = one complete run."""
