"""Tables in pages are those of the JSON beside them; the reference is what the docstrings say."""

import subprocess
import sys

import pytest

from places import ROOT


def test_tables_are_the_results():
    done = subprocess.run([sys.executable, "tools/results_tables.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="each Python writes signatures in its own way: the pages are 3.11's")
def test_the_reference_is_what_the_docstrings_say():
    done = subprocess.run([sys.executable, "tools/reference.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
