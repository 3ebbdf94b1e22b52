"""Where things lie in the repository."""

from pathlib import Path

HELPERS = Path(__file__).resolve().parent
"""modules that tests import by name (pythonpath in pyproject.toml)"""
ROOT = HELPERS.parent.parent
EXAMPLES = ROOT / "examples"
SOURCE = str(ROOT / "src")
"""PYTHONPATH of a process of its own"""
