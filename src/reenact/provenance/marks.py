"""What an output carries of being synthetic, as it is asked for: checked before any work, written by output.py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reenact.core.errors import ReenactError
from reenact.provenance.keys import Signer, installed, own_signer, signer_of


@dataclass(frozen=True)
class Marks:
    """What an output carries. The commands leave label and watermark on; Python callers who measure frames may not."""

    label: bool = True
    """XMP: composite with trained algorithmic media"""
    watermark: bool = True
    """invisible, in the pixels of the head (watermark.py)"""
    sign: bool = True
    """a C2PA manifest, where the extra `provenance` is installed"""
    badge: bool = False
    """the word "synthetic" in a corner"""
    certificate: Path | None = None
    """PEM: the signer's certificate, then those that vouch for it; None: the user's own self-made key (keys.py)"""
    key: Path | None = None
    """PEM: its private key"""

    def check(self) -> None:
        """Raises ReenactError for a key that cannot sign."""
        if self.certificate is not None or self.key is not None:
            self.signer()

    def signer(self) -> Signer | None:
        """What signs, None where nothing does. Raises ReenactError where a given key cannot."""
        if (self.certificate is None) != (self.key is None):
            raise ReenactError("`Marks.certificate` and `Marks.key` go together: give both or neither")
        if not self.sign:
            return None
        if self.certificate is not None and self.key is not None:
            return signer_of(self.certificate, self.key)
        return own_signer() if installed() else None


MARKS = Marks()
NO_MARKS = Marks(label=False, watermark=False, sign=False)
