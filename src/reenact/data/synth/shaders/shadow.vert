#version 330
in vec3 position; in vec2 uv;
uniform mat4 camera;
out vec2 T;
void main() { T = uv; gl_Position = camera * vec4(position, 1); }
