"""One pure function a term, unweighted."""
