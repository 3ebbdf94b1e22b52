#version 330
in vec2 T; in float hang;
uniform sampler2D picture; uniform float cut;
void main() {  // hair lets half of the light through: every other texel, which the four taps of head.frag even out
    ivec2 at = ivec2(gl_FragCoord.xy);
    if (cut > 0. && (((at.x ^ at.y) & 1) == 1 || hang > 0. || texture(picture, T).a < cut)) discard;
}
