#version 330
in vec2 T; in float hang;
uniform sampler2D picture; uniform float cut;
void main() { if (cut > 0. && (hang > 0. || texture(picture, T).a < cut)) discard; }
