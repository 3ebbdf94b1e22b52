#version 330
// Which surface is seen, how deep it lies, and where it is in another frame.
in vec3 position; in vec3 other; in vec2 uv; in vec2 masks;
uniform mat4 camera; uniform mat4 other_camera;
out vec4 here, there; out vec2 T; out float hang;
void main() { here = camera * vec4(position, 1); there = other_camera * vec4(other, 1); T = uv; hang = masks.x; gl_Position = here; }
