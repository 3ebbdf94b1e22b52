"""Draws an avatar: shadows, the picture, and the surface that every pixel shows. All arrays come back with row 0 on top."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, UInt8

from reenact.synth.avatar import Avatar, Kind, Piece
from reenact.synth.camera import Camera
from reenact.synth.context import open_context
from reenact.synth.light import LIGHTS, Lighting

if TYPE_CHECKING:
    import moderngl

OVERSAMPLE = 2
"""the picture is rendered so much larger and averaged; hair is opaque on as many of these samples as its alpha says, so its
order does not matter. On Mesa's software renderer this is faster than multisampling (0.3 s instead of 0.5 s a picture)."""
SHADOW_SIZE = 256
"""pixels a side of one lamp's shadow map; the maps lie in a square of two by two"""
SHADOW_REACH = 3.2
"""dm around the head that a shadow map covers"""
TEETH_FRONT = 1.45
"""dm: z of the front teeth on the mean head"""
CUT = 0.42
"""alpha from which hair counts as there, in shadows and surfaces"""
STAGES = {Kind.SKIN: (0,), Kind.MOUTH: (0,), Kind.EYE: (0, 1), Kind.HAIR: (0,), Kind.STRAND: (1,), Kind.CLOTH: (0,)}
"""render pass of each kind: 0 what is opaque, 1 what is blended over it"""
USUAL = {
    "tint": (1.0, 1.0, 1.0), "gamma": 1.0, "grain": 0.0, "rough": 0.5, "bump": 0.0, "freckles": 0.0, "scalp": 0.0, "grey": 0.3,
    "strength": 1.0, "stubble": (0.0, 0.0, 0.0, 0.0),
}  # fmt: skip


class Stage:
    """An avatar's buffers and textures on the GPU. Release it when the next person comes."""

    def __init__(self, renderer: Renderer, avatar: Avatar) -> None:
        self._renderer, context = renderer, renderer.context
        renderer.activate()
        self.avatar = avatar
        self._vertex = np.concatenate([piece.vertex for piece in avatar.pieces])
        count = len(self._vertex)
        still = [np.concatenate([piece.uv, piece.seat, piece.masks], 1) for piece in avatar.pieces]
        self._moving = context.buffer(reserve=count * 24, dynamic=True)
        self._other = context.buffer(reserve=count * 12, dynamic=True)
        self._still = context.buffer(np.concatenate(still).astype(np.float32).tobytes())
        self.textures = [_texture(context, piece.texture) for piece in avatar.pieces]
        self._owned: list[Any] = [self._moving, self._other, self._still, *self.textures]
        self.bodies, self.shadows, self.surfaces = [], [], []
        first = 0
        for piece in avatar.pieces:
            self._arrays(renderer, piece, first)
            first += len(piece.vertex)

    def _arrays(self, renderer: Renderer, piece: Piece, first: int) -> None:
        make, own = renderer.context.vertex_array, self._owned.append
        index = renderer.context.buffer((piece.triangles + first).astype(np.int32).tobytes())
        still_all, still_uv = (self._still, "2f 3f 2f", "uv", "seat", "masks"), (self._still, "2f 12x 2f", "uv", "masks")
        content = [(self._moving, "3f 3f", "position", "normal"), still_all]
        bodies = {
            stage: make(renderer.bodies[piece.kind, stage], content, index, skip_errors=True) for stage in STAGES[piece.kind]
        }
        place = (self._moving, "3f 12x", "position")
        surface = make(renderer.programs["surface"], [place, (self._other, "3f", "other"), still_uv], index)
        shadow = None
        if len(piece.shadow):
            coarse = renderer.context.buffer((piece.shadow + first).astype(np.int32).tobytes())
            shadow = make(renderer.programs["shadow"], [place, still_uv], coarse)
            own(coarse)
            own(shadow)
        for thing in (index, surface, *bodies.values()):
            own(thing)
        self.bodies.append(bodies)
        self.shadows.append(shadow)
        self.surfaces.append(surface)

    def move(self, points: Float32[np.ndarray, "n 3"], normals: Float32[np.ndarray, "n 3"] | None = None) -> None:
        """The rig's vertices of the next frame; surfaces need no normals."""
        normals = points if normals is None else normals
        self._renderer.activate()
        self._moving.write(np.concatenate([points, normals], 1)[self._vertex].astype(np.float32).tobytes())

    def move_other(self, points: Float32[np.ndarray, "n 3"]) -> None:
        """The rig's vertices of the frame that motion is measured to."""
        self._renderer.activate()
        self._other.write(points[self._vertex].astype(np.float32).tobytes())

    def release(self) -> None:
        self._renderer.activate()
        for thing in self._owned:
            thing.release()


class Renderer:
    """One OpenGL context with its programs and targets. Belongs to the thread that made it."""

    def __init__(self, size: int = 256, threads: int = 0) -> None:
        """size: pixels a side. Raises ReenactError where there is no OpenGL."""
        import moderngl

        self.context = open_context(threads)
        self.size = size
        self._gl = moderngl
        body, names = _shader("head.frag"), ("shadow", "backdrop", "surface")
        self.bodies = {
            (kind, stage): self.context.program(_shader("head.vert"), _constants(body, KIND=kind, STAGE=stage))
            for kind, stages in STAGES.items()
            for stage in stages
        }
        self.programs = {name: self.context.program(_shader(f"{name}.vert"), _shader(f"{name}.frag")) for name in names}
        context, square, fine = self.context, (size, size), (size * OVERSAMPLE, size * OVERSAMPLE)
        self._picture = context.framebuffer([context.renderbuffer(fine, 4)], context.depth_renderbuffer(fine))
        targets = [context.texture(square, 4, dtype="f4") for _ in range(2)]
        self._surface = context.framebuffer(targets, context.depth_renderbuffer(square))
        self._shadow_map = context.depth_texture((2 * SHADOW_SIZE, 2 * SHADOW_SIZE))
        self._shadow_map.compare_func, self._shadow_map.filter = "<=", (moderngl.LINEAR, moderngl.LINEAR)
        self._shadow_map.repeat_x = self._shadow_map.repeat_y = False
        self._shadow_frame = context.framebuffer(depth_attachment=self._shadow_map)
        corners = context.buffer(np.float32([-1, -1, 1, -1, -1, 1, 1, 1]).tobytes())
        self._wall = context.vertex_array(self.programs["backdrop"], [(corners, "2f", "corner")])

    def activate(self) -> None:
        """Makes this the context that OpenGL's calls go to: another renderer may have been used, or closed, since."""
        self.context.__enter__()

    @property
    def name(self) -> str:
        """The OpenGL renderer, in its driver's own words."""
        return str(self.context.info["GL_RENDERER"])

    def backdrop(self, picture: UInt8[np.ndarray, "h w 3"]) -> moderngl.Texture:
        """A picture to draw behind the head; release it after use."""
        self.activate()
        alpha = np.full((*picture.shape[:2], 1), 255, np.uint8)
        return _texture(self.context, np.concatenate([picture, alpha], -1))

    def picture(
        self, stage: Stage, camera: Camera, lighting: Lighting, wall: moderngl.Texture
    ) -> UInt8[np.ndarray, "size size 3"]:
        """The photo-like picture of what the stage was last moved to."""
        self.activate()
        context, gl = self.context, self._gl
        lamp_cameras = self._draw_shadows(stage, lighting)
        self._picture.use()
        side = self.size * OVERSAMPLE
        context.viewport = (0, 0, side, side)
        self._picture.clear(0, 0, 0, 1, depth=1.0)
        context.disable(gl.DEPTH_TEST)
        wall.use(0)
        self._wall.render(gl.TRIANGLE_STRIP)
        context.enable(gl.DEPTH_TEST)
        self._set_light(camera, lighting, lamp_cameras)
        self._draw(stage, 0)
        context.enable(gl.BLEND)
        context.blend_func = gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA
        self._picture.depth_mask = False
        self._draw(stage, 1)
        self._picture.depth_mask = True
        context.disable(gl.BLEND)
        rows = np.frombuffer(self._picture.read(components=3), np.uint8).reshape(side, side, 3)[::-1]
        corners = [rows[y::OVERSAMPLE, x::OVERSAMPLE].astype(np.uint16) for y in range(OVERSAMPLE) for x in range(OVERSAMPLE)]
        return ((sum(corners) + len(corners) // 2) // len(corners)).astype(np.uint8)

    def surface(self, stage: Stage, camera: Camera) -> Float32[np.ndarray, "size size 4"]:
        """Which piece (number + 1, 0 behind all), which of its triangles, and how deep (dm) each pixel's centre lies.

        Brows and lashes are left out: they lie on the skin. The fourth channel is 0.
        """
        return self._surfaces(stage, camera, camera)[0]

    def motion(self, stage: Stage, camera: Camera, other: Camera) -> Float32[np.ndarray, "size size 4"]:
        """Where each pixel's surface goes when the stage goes to `move_other`: x, y in pixels, its depth there, 1.

        All zeros where there is no surface.
        """
        return self._surfaces(stage, camera, other)[1]

    def _surfaces(self, stage: Stage, camera: Camera, other: Camera) -> list[np.ndarray]:
        self.activate()
        program = self.programs["surface"]
        self._surface.use()
        self.context.viewport = (0, 0, self.size, self.size)
        self._surface.clear(0, 0, 0, 0, depth=1.0)
        self.context.enable(self._gl.DEPTH_TEST)
        _set(program, "camera", camera.matrix.T)
        _set(program, "other_camera", other.matrix.T)
        _set(program, "half_size", self.size / 2)
        for number, piece in enumerate(stage.avatar.pieces):
            if piece.kind is not Kind.STRAND:
                _set(program, "piece", float(number))
                _set(program, "cut", _cut(piece))
                stage.textures[number].use(0)
                stage.surfaces[number].render()
        read = self._surface.read
        flat = [np.frombuffer(read(components=4, attachment=k, dtype="f4"), np.float32) for k in range(2)]
        return [rows.reshape(self.size, self.size, 4)[::-1].copy() for rows in flat]

    def _draw_shadows(self, stage: Stage, lighting: Lighting) -> Float32[np.ndarray, "3 4 4"]:
        """One tile of the shadow map for each lamp; gives the lamps' matrices."""
        program, cameras = self.programs["shadow"], []
        centre = stage.avatar.frame.origin * [1, -1, 1]
        self._shadow_frame.use()
        self._shadow_frame.clear(depth=1.0)
        self.context.enable(self._gl.DEPTH_TEST)
        for number in range(LIGHTS):
            cameras.append(_lamp_camera(lighting.directions[number], centre))
            tile = np.array([number % 2, number // 2]) * SHADOW_SIZE
            self.context.viewport = (*tile.tolist(), SHADOW_SIZE, SHADOW_SIZE)
            _set(program, "camera", cameras[-1].T)
            for piece, texture, shadow in zip(stage.avatar.pieces, stage.textures, stage.shadows, strict=True):
                if shadow is not None:
                    _set(program, "cut", _cut(piece))
                    texture.use(0)
                    shadow.render()
        return np.array(cameras, np.float32)

    def _set_light(self, camera: Camera, lighting: Lighting, lamp_cameras: np.ndarray) -> None:
        values = {
            "camera": camera.matrix.T,
            "eye": camera.eye,
            "lamp": lighting.directions,
            "lamp_colour": lighting.colours,
            "lamp_camera": lamp_cameras.transpose(0, 2, 1),
            "ambient": lighting.ambient,
            "texel": 1 / (2 * SHADOW_SIZE),
            "mouth_front": TEETH_FRONT,
        }
        self._shadow_map.use(1)
        for program in self.bodies.values():
            for name, value in values.items():
                _set(program, name, value)
            for unit, name in enumerate(("picture", "shadows")):
                if name in program:
                    program[name].value = unit

    def _draw(self, stage: Stage, number: int) -> None:
        """Stage 0: what is opaque, and hair by coverage; stage 1: the eyes' gloss, brows and lashes, blended."""
        drawn = zip(stage.avatar.pieces, stage.textures, stage.bodies, strict=True)
        for piece, texture, bodies in reversed(list(drawn)):  # what hides the skin first: hidden pixels are not shaded
            if number in bodies:
                for name, value in {**USUAL, **piece.material}.items():
                    _set(self.bodies[piece.kind, number], name, value)
                texture.use(0)
                bodies[number].render()


def _shader(name: str) -> str:
    return (files("reenact.synth") / "shaders" / name).read_text(encoding="utf-8")


def _constants(shader: str, **values: int) -> str:
    """The shader with these names defined, after its #version line."""
    first, _, rest = shader.partition("\n")
    return "\n".join([first, *(f"#define {name} {int(value)}" for name, value in values.items()), rest])


def _texture(context: Any, picture: UInt8[np.ndarray, "h w 4"]) -> Any:
    texture = context.texture(picture.shape[1::-1], 4, np.ascontiguousarray(picture[::-1]).tobytes())
    texture.build_mipmaps()
    return texture


def _set(program: Any, name: str, value: Any) -> None:
    """A uniform; the compiler drops those that a program does not use."""
    if name in program:
        program[name].write(np.asarray(value, np.float32).tobytes())


def _cut(piece: Piece) -> float:
    return CUT if piece.kind in (Kind.HAIR, Kind.EYE) else 0.0


def _lamp_camera(direction: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """A parallel view along the lamp's light, SHADOW_REACH around the centre."""
    up = np.array([0, 1, 0] if abs(direction[1]) < 0.95 else [1, 0, 0])
    side = np.cross(up, direction)
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(direction, side), direction])
    out = np.eye(4)
    out[:3, :3] = axes / SHADOW_REACH
    out[2, :3] /= -2
    out[:3, 3] = -out[:3, :3] @ centre
    return out
