"""Reading and writing pictures and videos: streaming, rational timestamps, audio carried over."""
