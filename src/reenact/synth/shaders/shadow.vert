#version 330
in vec3 position; in vec2 uv; in vec2 masks;
uniform mat4 camera;
out vec2 T; out float hang;
void main() { T = uv; hang = masks.x; gl_Position = camera * vec4(position, 1); }
