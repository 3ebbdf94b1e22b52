#version 330
in vec2 T;
uniform sampler2D picture;
out vec4 colour;
void main() { colour = vec4(texture(picture, T).rgb, 1); }
