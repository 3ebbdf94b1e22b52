#version 330
in vec2 T;
uniform sampler2D picture; uniform float cut;
void main() { if (cut > 0. && texture(picture, T).a < cut) discard; }
