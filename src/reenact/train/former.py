"""Words of earlier versions that runs and commands may still use. Imports no PyTorch."""

import re

FORMER_TASK = re.compile(r"^reenact\.recipes\.\w+\.make_")
"""how runs of earlier versions wrote a task's name, before the name"""
FORMER_STAGES = {
    "steady": "finetune_consistency",
    "mouths": "finetune_patches",
    "windows": "finetune_patches",
    "uncover": "disocclusion",
    "drawing": "finetune_renderer",
    "flow": "finetune_flow",
    "through": "finetune_encoder",
    "drawing_tiny": "finetune_renderer_tiny",
}
"""former names of stages and tasks; the command line takes them, and says so"""
FORMER_WEIGHTS = {"weights.tremble": "weights.consistency", "weights.tremble_gaps": "weights.consistency_shape"}
