"""Parts that two or more methods share, named for what they do."""
