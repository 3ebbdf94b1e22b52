"""Crop, encode, transfer, render, paste: files and live run the same path."""
