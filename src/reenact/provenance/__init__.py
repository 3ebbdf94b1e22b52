"""What says of a picture or a film that it was drawn: a label, a watermark, a signature; and what reads them again."""
