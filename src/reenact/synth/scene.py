"""One clip as numbers: who, how they move, in which light, before which camera. The same recipe is the same clip, always."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from reenact.geometry.rotation import rotation_matrix
from reenact.synth.avatar import Avatar
from reenact.synth.camera import FLIP, Camera, aim
from reenact.synth.landmarks import LANDMARKS
from reenact.synth.light import Lighting, draw_backdrop, draw_lighting
from reenact.synth.motion import Motion
from reenact.synth.posing import Pose
from reenact.synth.render import Renderer, Stage

POINT_STEP = 50
"""every so many skin vertices one is tracked"""
SLACK = 0.06
"""dm: a surface this much nearer than a point hides it"""
ZOOM = (5.0, 10.0)
"""of the lens: 11 to 23 degrees of view"""
SCALE = (0.95, 1.25)
"""head size, as in docs/conventions.md; real crops have 1.1 on the mean"""
PLACE = (0.08, 0.06)
"""standard deviation of where the head stands, x and y in [-1, 1] of the picture"""


@dataclass(frozen=True)
class Recipe:
    """All that a clip follows from, together with the motion."""

    seed: int
    identity: int
    motion: int
    light: int
    size: int = 256


@dataclass(frozen=True)
class Truth:
    """What is exactly known of F frames (docs/synth.md)."""

    head_pose: Float32[np.ndarray, "f 3"]
    scale: Float32[np.ndarray, "f 1"]
    translation: Float32[np.ndarray, "f 2"]
    blendshapes: Float32[np.ndarray, "f 52"]
    gaze: Float32[np.ndarray, "f 2"]
    landmarks: Float32[np.ndarray, "f 468 3"]
    points: Float32[np.ndarray, "f n 2"]
    visible: Bool[np.ndarray, "f n"]


@dataclass(frozen=True)
class Flow:
    """From each pixel of one frame to another frame."""

    flow: Float32[np.ndarray, "size size 2"]
    """x right, y down, in pixels; 0 where the backdrop shows"""
    occluded: Bool[np.ndarray, "size size"]
    """what this pixel shows is hidden in the other frame, or outside of it"""


class Scene:
    """A recipe that is set up: person, light, backdrop, camera."""

    def __init__(self, recipe: Recipe, avatar: Avatar, motion: Motion) -> None:
        self.recipe, self.avatar, self.motion = recipe, avatar, motion
        random = np.random.default_rng([recipe.seed, recipe.identity, recipe.motion, recipe.light, 2])
        self.lighting: Lighting = draw_lighting(random)
        self.wall: UInt8[np.ndarray, "size size 3"] = draw_backdrop(random, recipe.size)
        zoom, scale, place = random.uniform(*ZOOM), random.uniform(*SCALE), random.normal(0, PLACE)
        frame = avatar.frame
        self.camera: Camera = aim(FLIP @ frame.origin, scale / frame.scale, place, zoom, recipe.size)

    @cached_property
    def point_ids(self) -> Int64[np.ndarray, " n"]:
        """Skin vertices that are tracked: the same on every identity."""
        return np.arange(0, self.avatar.skin.vertex.max() + 1, POINT_STEP)

    def vertices(self, frame: int) -> Float32[np.ndarray, "n 3"]:
        """The whole person, dm, y up."""
        return self.avatar.rig.place(self.motion.pose(frame))

    def picture(self, renderer: Renderer, stage: Stage, wall, frame: int) -> UInt8[np.ndarray, "size size 3"]:
        """The frame itself. wall: renderer.backdrop(self.wall). Leaves the stage at this frame."""
        points = self.vertices(frame)
        stage.move(points, self.avatar.rig.normals(points))
        return renderer.picture(stage, self.camera, self.lighting, wall)

    def truth(self, renderer: Renderer, stage: Stage, frame: int) -> Truth:
        """One frame's truth (f = 1). The stage must be at this frame."""
        points, pose = self.vertices(frame), self.motion.pose(frame)
        seen = renderer.surface(stage, self.camera)[..., 2]
        tracked = self.camera.project(points[self.point_ids])
        scale, translation = self._place(pose)
        return Truth(
            pose.head_pose[None],
            scale,
            translation,
            pose.blendshapes[None],
            pose.gaze[None],
            self._landmarks(points)[None],
            tracked[None, :, :2],
            visible(tracked, seen)[None],
        )

    def flow(self, renderer: Renderer, stage: Stage, first: int, second: int) -> Flow:
        """From frame `first` to frame `second`: surfaces followed exactly; the backdrop is static."""
        after = self.vertices(second)
        stage.move(after)
        stage.move_other(after)
        depth = renderer.surface(stage, self.camera)[..., 2]
        stage.move(self.vertices(first))
        motion = renderer.motion(stage, self.camera, self.camera)
        size = self.recipe.size
        y, x = np.mgrid[0:size, 0:size] + 0.5
        behind = np.where(motion[..., 3] > 0, motion[..., 2], np.inf)
        goal = np.stack([x + motion[..., 0], y + motion[..., 1], behind], -1)
        return Flow(motion[..., :2].copy(), ~visible(goal.reshape(-1, 3), depth).reshape(size, size))

    def _landmarks(self, points: np.ndarray) -> Float32[np.ndarray, "468 3"]:
        """x, y in pixels; z towards the camera in the same unit, from the head's own origin."""
        projected = self.camera.project(points[LANDMARKS])
        middle = float(projected[:, 2].mean())
        projected[:, 2] = (middle - projected[:, 2]) * self.camera.pixels_per_unit(middle)
        return projected

    def _place(self, pose: Pose) -> tuple[Float32[np.ndarray, "1 1"], Float32[np.ndarray, "1 2"]]:
        """Scale and translation of docs/conventions.md, at the depth of the middle of the face."""
        frame, matrix = self.avatar.frame, self.avatar.rig.bone_matrices(pose)[3]
        middle = frame.scale * frame.rotation @ frame.middle + frame.origin
        x, y, depth = self.camera.project(matrix[:, :3] @ (FLIP @ middle) + matrix[:, 3])
        half = self.recipe.size / 2
        scale = frame.scale * self.camera.pixels_per_unit(depth) / half
        shift = scale * (rotation_matrix(pose.head_pose.astype(np.float64)) @ frame.middle)[:2]
        return np.float32([[scale]]), np.float32([[x / half - 1, y / half - 1]] - shift)


def visible(points: Float32[np.ndarray, "n 3"], depth: Float32[np.ndarray, "size size"]) -> Bool[np.ndarray, " n"]:
    """Which points (x, y px, depth dm) lie in the picture with nothing before them. depth: 0 where nothing is.

    A point counts as seen if any of the four pixels around it shows a surface no nearer than SLACK before it.
    """
    size = len(depth)
    far = np.where(depth > 0, depth, np.inf)
    column, row = np.floor(points[:, 0] - 0.5).astype(int), np.floor(points[:, 1] - 0.5).astype(int)
    inside = (points[:, 0] >= 0) & (points[:, 0] < size) & (points[:, 1] >= 0) & (points[:, 1] < size)
    around = [far[np.clip(row + dy, 0, size - 1), np.clip(column + dx, 0, size - 1)] for dy in (0, 1) for dx in (0, 1)]
    return inside & (np.max(around, axis=0) >= points[:, 2] - SLACK)
