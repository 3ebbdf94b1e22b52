"""Endings by which photos and videos are known in a folder that nobody has listed."""

PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif")
VIDEOS = (
    ".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mts", ".m2ts", ".ts", ".mpg", ".mpeg", ".m1v", ".m2v", ".wmv", ".3gp",
    ".flv", ".ogv",
)  # fmt: skip
