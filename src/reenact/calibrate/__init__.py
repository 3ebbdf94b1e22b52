"""What is measured on weights and lies beside them: expression map, codec profile, gains, directions; and the matting network."""
