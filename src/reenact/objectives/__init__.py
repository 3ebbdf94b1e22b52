"""What several methods train towards: reading, drawing, adversary, windows, disocclusion, steadiness."""
