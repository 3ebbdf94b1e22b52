#version 330
in vec3 position; in vec3 normal; in vec2 uv; in vec3 seat; in vec2 masks;
uniform mat4 camera;
out vec3 P, N, R; out vec2 T, M;
void main() { P = position; N = normal; T = uv; R = seat; M = masks; gl_Position = camera * vec4(position, 1); }
