"""Marks that say of a picture or a film that it is synthetic: a label, a watermark, a signature; and their detection."""
