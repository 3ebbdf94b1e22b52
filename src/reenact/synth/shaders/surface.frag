#version 330
in vec4 here, there; in vec2 T; in float hang;
uniform sampler2D picture; uniform float cut; uniform float piece; uniform float half_size;
layout(location = 0) out vec4 surface;  // piece + 1, triangle, depth, 0
layout(location = 1) out vec4 motion;   // x, y in pixels to where it goes (y down), its depth there, 1
void main() {
    if (cut > 0. && (hang > 0. || texture(picture, T).a < cut)) discard;
    surface = vec4(piece + 1., float(gl_PrimitiveID), here.w, 0);
    vec2 step = there.xy / there.w - here.xy / here.w;
    motion = vec4(step * vec2(half_size, -half_size), there.w, 1);
}
