"""What face trackers send, as the 52 ARKit coefficients and the head's angles. Bytes in, numbers out."""
