#version 330
// Compiled once for each kind of part and stage (constants KIND and STAGE are put in by render.py): Mesa's software renderer
// runs both sides of every branch that it cannot decide. Linear light, tone-mapped and gamma-encoded at the end.
in vec3 P, N, R; in vec2 T, M;
const int kind = KIND, stage = STAGE;  // avatar.Kind; stage 0: what is opaque; 1: what is blended over it
uniform sampler2D picture;
uniform vec3 tint; uniform float gamma, grain, rough, bump, freckles, scalp, grey, strength, mouth_front; uniform vec4 stubble;
uniform vec3 eye;
uniform vec3 lamp[3], lamp_colour[3]; uniform mat4 lamp_camera[3]; uniform vec3 ambient[4];
uniform sampler2DShadow shadows; uniform float texel;
out vec4 colour;
const int SKIN = 0, MOUTH = 1, EYE = 2, HAIR = 3, STRAND = 4, CLOTH = 5;

float hash(vec3 p) { p = fract(p * vec3(.1031, .1030, .0973)); p += dot(p, p.yxz + 33.33); return fract((p.x + p.y) * p.z); }
float noise(vec3 p) {
    vec3 i = floor(p), f = fract(p); f = f * f * (3. - 2. * f);
    return mix(mix(mix(hash(i), hash(i + vec3(1, 0, 0)), f.x), mix(hash(i + vec3(0, 1, 0)), hash(i + vec3(1, 1, 0)), f.x), f.y),
               mix(mix(hash(i + vec3(0, 0, 1)), hash(i + vec3(1, 0, 1)), f.x), mix(hash(i + vec3(0, 1, 1)), hash(i + vec3(1)), f.x), f.y), f.z);
}
vec3 linear(vec3 c) { return pow(c, vec3(2.2)); }
vec3 encoded(vec3 c) {
    c = mix(c, c / (1. + max(c.r, max(c.g, c.b)) * .35), .8);
    return pow(clamp(c, 0., 1.), vec3(1. / 2.2));
}
float ggx(float nh, float a) { float a2 = a * a, d = nh * nh * (a2 - 1.) + 1.; return a2 / (3.14159 * d * d); }
float smith(float nl, float nv, float a) { float k = a * .5; return 1. / ((nl * (1. - k) + k) * (nv * (1. - k) + k) * 4.); }
float lit(int i, vec3 n) {  // the share of lamp i that reaches P: four taps in its tile of the shadow map, an odd number of
    vec4 q = lamp_camera[i] * vec4(P + n * .026, 1);  // texels apart: so the half of them that hair covers counts as a half
    vec3 c = q.xyz * .5 + .5;
    if (any(lessThan(c.xy, vec2(.01))) || any(greaterThan(c.xy, vec2(.99)))) return 1.;
    c.xy = (c.xy + vec2(i % 2, i / 2)) * .5;
    c.z -= .0015;
    float s = 0.;
    for (int k = 0; k < 4; k++) s += texture(shadows, c + vec3(vec2(k % 2, k / 2) - .5, 0) * vec3(3. * texel));
    return s * .25;
}
vec3 skin(vec3 c) {  // blotches, freckles, stubble and cropped hair over the photographed skin
    c = pow(linear(c), vec3(gamma)) * tint;
    float blotch = noise(R * 3. + grain) * .5 + noise(R * 7. + grain * 2.) * .3;
    c *= 1. + (blotch - .4) * vec3(.05, .14, .14);
    if (freckles > 0.) {
        float f = smoothstep(.78, .9, noise(R * 26. + grain)) * freckles * smoothstep(.9, .2, abs(R.x)) * smoothstep(6.6, 7.1, R.y);
        c *= mix(vec3(1), vec3(.62, .45, .36), min(f, 1.));
    }
    float hairs = .6 + .8 * noise(R * 55. + grain);
    c = mix(c, stubble.rgb, clamp(stubble.w * M.x * hairs, 0., .8));
    return mix(c, stubble.rgb * .8, clamp(scalp * M.y * hairs, 0., .92));
}
vec3 bumped(vec3 n) {  // pores; faded out where a pixel covers more than a pore
    float h = noise(R * 34. + grain);
    vec3 dx = dFdx(P), dy = dFdy(P), r1 = cross(dy, n), r2 = cross(n, dx);
    float det = dot(dx, r1), size = length(dx) + length(dy), fade = 1. / (1. + pow(size / .02, 2.));
    return normalize(abs(det) * n - bump * .0035 * fade * sign(det) * (dFdx(h) * r1 + dFdy(h) * r2));
}
void main() {
    vec4 texel_ = texture(picture, T);
    vec3 n = normalize(N), view = normalize(eye - P);
    if (kind == HAIR ? dot(n, view) < 0. : !gl_FrontFacing) n = -n;
    float alpha = 1.;
    if (kind == HAIR) {  // sharpened coverage: one pixel wide whatever the mip level
        alpha = clamp((texel_.a - .42) / max(fwidth(texel_.a), .06) + .5, 0., 1.);
        alpha *= 1. - smoothstep(-.06, .03, M.x + .05 * (noise(R * vec3(40., 4., 40.)) - .5));
        ivec2 at = ivec2(gl_FragCoord.xy) & 1;  // as much of the four samples of a pixel as alpha says
        if (alpha <= .125 + .25 * float(at.x ^ at.y) + .5 * float(at.y)) discard;
    } else if (kind == STRAND) {
        alpha = texel_.a * strength;
        if (alpha < .02) discard;
    } else if (kind == EYE && (stage == 0) != (texel_.a >= .5)) discard;

    vec3 base = linear(texel_.rgb) * (kind == CLOTH ? vec3(1) : tint);
    float shine = rough;
    if (kind == SKIN) { base = skin(texel_.rgb); n = bumped(n); }
    if (kind == HAIR) {
        float l = dot(linear(texel_.rgb), vec3(.3, .59, .11)) / max(grey, .02);
        base = tint * clamp(l, 0., 2.);
    }
    if (kind == STRAND) base = tint * (.5 + .5 * dot(linear(texel_.rgb), vec3(.33)));

    vec3 diffuse = vec3(0), gloss = vec3(0);
    vec3 smooth_n = normalize(N);
    float nv = max(dot(n, view), .05);
    vec3 strand = vec3(0);
    if (kind == HAIR) {
        strand = normalize(vec3(.02, -1, -.55));
        strand = normalize(strand - n * dot(strand, n) + n * .25 * (noise(R * 9.) - .5));
    }
    for (int i = 0; i < 3; i++) {
        vec3 L = lamp[i], H = normalize(L + view);
        float nl = dot(n, L), v = lit(i, smooth_n), nh = max(dot(n, H), 0.), fresnel = pow(1. - max(dot(L, H), 0.), 5.);
        vec3 w = vec3(max(nl, 0.)) * v;
        if (kind == SKIN) {  // red light goes farther under the skin
            vec3 wrap = vec3(.34, .16, .10);
            w = clamp((vec3(nl) + wrap) / ((1. + wrap) * (1. + wrap)), 0., 1.) * pow(vec3(v), vec3(.72, .95, 1.));
        } else if (kind == HAIR) w = vec3(clamp(nl * .6 + .4, 0., 1.)) * v;
        else if (kind == MOUTH) { v = mix(v, 1., .5); w = vec3(clamp(nl * .7 + .3, 0., 1.)) * v; }
        else if (kind == EYE) { v = mix(v, 1., .45); w = vec3(clamp(nl * .75 + .25, 0., 1.)) * v; }
        diffuse += w * lamp_colour[i];
        if (kind == HAIR) {
            float along = dot(strand, H);
            gloss += lamp_colour[i] * v * pow(max(1. - along * along, 0.), 30.) * (.06 + .28 * tint) * smoothstep(-.2, .3, nl);
        } else if (nl > 0.) {
            float a = shine * shine, D = kind == EYE || kind == MOUTH ? ggx(nh, .004) * .6 : ggx(nh, a) * .8 + ggx(nh, a * .42) * .2;
            gloss += lamp_colour[i] * v * nl * D * smith(nl, nv, a) * (.028 + .972 * fresnel) * (kind == SKIN ? 1.5 : 3.);
        }
    }
    vec3 around = max(ambient[0] + ambient[1] * n.x + ambient[2] * n.y + ambient[3] * n.z, vec3(0));
    if (kind == EYE) around *= 1.15;
    if (kind == MOUTH) {  // the deeper in the mouth, the darker
        float open = smoothstep(mouth_front - .7, mouth_front, R.z);
        diffuse *= mix(.25, 1., open); around *= mix(.1, .8, open); gloss *= open * .5;
    }
    vec3 c = base * (diffuse + around) + gloss;
    if (kind == EYE && stage == 1) { c = gloss; alpha = clamp(max(c.r, max(c.g, c.b)), 0., 1.); c /= max(alpha, 1e-3); }
    colour = vec4(encoded(c), alpha);
}
