import os
import tempfile

import pytest
from hypothesis import settings

from made_once import commands_built_once, networks_compiled_once

# A shared machine's hiccup is no failure.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(autouse=True, scope="session")
def _keys_of_their_own():
    """What tests draw is signed with a key that is gone with them, not with the user's."""
    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get("REENACT_CONFIG")
        os.environ["REENACT_CONFIG"] = folder
        yield
        if before is None:
            del os.environ["REENACT_CONFIG"]
        else:
            os.environ["REENACT_CONFIG"] = before


@pytest.fixture(autouse=True, scope="session")
def _made_once():
    with commands_built_once(), networks_compiled_once():
        yield
