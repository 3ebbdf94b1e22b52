"""A face that comes now: from a camera, a file, a tracker or sliders to the portrait, newest frame only, never a queue."""
