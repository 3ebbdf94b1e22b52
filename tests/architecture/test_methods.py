"""Every method is one folder of the same files and one line of the registry."""

from pathlib import Path

import pytest

from reenact import methods
from reenact.core.errors import ReenactError, ReenactWarning
from reenact.methods import METHODS, about, trained
from reenact.nn.keypoint_method import KeypointMethod
from reenact.runtime.onnx_method import weights_folder
from reenact.train.recipe import Recipe

HOUSE = Path(methods.__file__).parent
FILES = {"README.md", "__init__.py", "config.py", "model.py", "objective.py", "parts.py", "recipe.py"}
STAGES = {"", "motion", "render", "render256", "joint", "tiny"}


def test_every_folder_is_registered_and_no_other():
    assert sorted(path.parent.name for path in HOUSE.glob("*/__init__.py")) == sorted(METHODS)
    assert {path.parent.name for path in weights_folder().glob("*/motion.onnx")} <= set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_every_folder_has_the_same_files(name: str):
    assert {path.name for path in (HOUSE / name).iterdir()} >= FILES
    said = about(name)
    assert said.title and said.paper in (HOUSE / name / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", METHODS)
def test_what_one_folder_alone_has_its_page_names(name: str):
    page = (HOUSE / name / "README.md").read_text(encoding="utf-8")
    own = {path.name for path in (HOUSE / name).iterdir()} - FILES - {"__pycache__"}
    assert not {file for file in own if file not in page}


@pytest.mark.parametrize("name", METHODS)
def test_every_recipe_brings_the_same(name: str):
    recipe = trained(name)
    assert isinstance(recipe.METHOD, Recipe) and recipe.RECIPES.keys() >= STAGES
    model = recipe.METHOD.build()
    assert isinstance(model, KeypointMethod) and model.config.method == name
    (stage,) = methods.recipe(f"{name}_motion")
    assert isinstance(stage.method(stage.model), Recipe) and stage.model.method == name


def test_registry_needs_no_torch():
    """`reenact report` reads claims and titles where there is no PyTorch."""
    import subprocess
    import sys

    code = "import sys; sys.modules['torch'] = None; from reenact.methods import METHODS, about; print(*map(about, METHODS))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_former_names_of_stages_work_and_say_so():
    with pytest.warns(ReenactWarning, match="mmfa_drawing is called mmfa_finetune_renderer now"):
        assert methods.recipe("mmfa_drawing") == methods.recipe("mmfa_finetune_renderer")
    with pytest.raises(ReenactError, match="no recipe 'mmfa_through'"):  # which mmfa has under neither name
        methods.recipe("mmfa_through")
