/** @file The two shaders around TV-L1: pictures become grey frames, and flow becomes colours. */

/**
 * A picture as a grey frame, as `flowGrey` makes it of bytes: 0.299 R + 0.587 G + 0.114 B, whole numbers, rows padded with 0.
 */
export const GREY = /* wgsl */ `
struct Params { width: u32, height: u32, stride: u32, first: u32, mirrored: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var picture: texture_2d<f32>;
@group(0) @binding(2) var<storage, read_write> grey: array<f32>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= p.stride || id.y >= p.height) { return; }
  var value = 0.0;
  if (id.x < p.width) {
    let x = select(id.x, p.width - 1u - id.x, p.mirrored == 1u);
    let rgb = vec3u(round(255.0 * textureLoad(picture, vec2u(x, id.y), 0).rgb));
    value = f32((9798u * rgb.r + 19235u * rgb.g + 3735u * rgb.b + 16384u) >> 15u);
  }
  grey[p.first + id.y * p.stride + id.x] = value;
}`;

/**
 * Flow as Middlebury's colours on white, or the same hues on black, with as much of the frame as is wanted: on white it is printed
 * over, on black it shows where nothing moves. Flow is interpolated, so that a large canvas has no steps.
 */
export const COLOUR = /* wgsl */ `
struct View { size: vec2f, length: f32, black: f32, frame: f32, mirrored: f32, frame_only: f32 }
@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var<storage, read> flow: array<vec2f>;
@group(0) @binding(2) var<storage, read> wheel: array<vec4f>;
@group(0) @binding(3) var picture: texture_2d<f32>;
@group(0) @binding(4) var linear: sampler;

struct Corner { @builtin(position) place: vec4f, @location(0) uv: vec2f }

@vertex
fn corner(@builtin(vertex_index) i: u32) -> Corner {
  let uv = vec2f(f32((i << 1u) & 2u), f32(i & 2u));
  return Corner(vec4f(2.0 * uv.x - 1.0, 1.0 - 2.0 * uv.y, 0.0, 1.0), uv);
}

fn at(x: f32, y: f32) -> vec2f {
  let q = vec2u(clamp(vec2f(x, y), vec2f(0.0), view.size - 1.0));
  return flow[q.y * u32(view.size.x) + q.x];
}

fn hue(direction: vec2f) -> vec3f {
  let turn = (atan2(-direction.y, -direction.x) / 3.14159265 + 1.0) / 2.0;
  let count = arrayLength(&wheel);
  let place = turn * f32(count - 1u);
  let near = u32(place);
  return mix(wheel[near].rgb, wheel[(near + 1u) % count].rgb, fract(place));
}

@fragment
fn paint(corner: Corner) -> @location(0) vec4f {
  let place = corner.uv * view.size - 0.5;
  let whole = floor(place);
  let part = place - whole;
  let motion = mix(
    mix(at(whole.x, whole.y), at(whole.x + 1.0, whole.y), part.x),
    mix(at(whole.x, whole.y + 1.0), at(whole.x + 1.0, whole.y + 1.0), part.x),
    part.y,
  ) / view.length;
  // Not in proportion, so that small motions are seen beside large ones.
  let strength = pow(min(1.0, length(motion)), 0.65);
  let colour = hue(motion);
  let side = select(corner.uv.x, 1.0 - corner.uv.x, view.mirrored > 0.5);
  let rgb = textureSampleLevel(picture, linear, vec2f(side, corner.uv.y), 0.0).rgb;
  let grey = dot(rgb, vec3f(0.299, 0.587, 0.114));
  let onWhite = (1.0 - strength * (1.0 - colour)) * mix(1.0, 0.25 + 0.75 * grey, view.frame);
  let onBlack = colour * strength * mix(1.0, 0.4 + 0.6 * grey, view.frame) + grey * 0.75 * view.frame * (1.0 - strength);
  let seen = select(onWhite, onBlack, view.black > 0.5);
  return vec4f(select(seen, rgb, view.frame_only > 0.5), 1.0);
}`;
