"""Tables in pages are those of the JSON beside them."""

import subprocess
import sys

from places import ROOT


def test_tables_are_the_results():
    done = subprocess.run([sys.executable, "tools/results_tables.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
