import { frameSetting } from './frame-settings.ts';
import type { Binding, Kernel, Parameter, TensorView } from './kernel.ts';

/** From pixels to the network's input. */
export interface PreprocessSpec {
  /** The network's input [N, 3, height, width] where it lies, float32 or float16, any strides. */
  readonly view: TensorView;
  readonly channelOrder: 'rgb' | 'bgr';
  /** Value of the border around the image, 0..255, the same in the three channels. */
  readonly padValue: number;
  /** Channel c of the network (in its own order) is byte * scale[c] + offset[c]. */
  readonly scale: readonly [number, number, number];
  readonly offset: readonly [number, number, number];
}

/** Where pixels come from: bytes in a storage buffer, or a texture. */
export type PixelSource = 'bytes' | 'texture' | 'externalTexture';

/** Where the texture of a texture kernel is bound. */
export const IMAGE_TEXTURE_BINDING = 9;

const TILE = 8;

/**
 * Resizes an image into its place in the network's input, fills the rest with the border value, orders and scales the
 * channels. Alpha is ignored. One dispatch for each image of a batch; its settings say which one it is.
 *
 * Bilinear as OpenCV's 8-bit INTER_LINEAR: pixel centres at halves, edges repeated, weights of 11 bits, the same integer
 * arithmetic, so a result is a byte and equal on every adapter. Weights come from the exact ratio of the sizes.
 *
 * Bindings: settings, the image (bytes only), the network's input. The texture kernels need one more entry in their
 * layout, `IMAGE_TEXTURE_BINDING`, so only the bytes kernel can be dispatched as plain `Kernel` data.
 */
export function preprocessKernel(source: PixelSource, spec: PreprocessSpec): Kernel {
  const { view } = spec;
  const [, channels, height, width] = view.shape;
  if (view.shape.length !== 4 || channels !== 3) {
    throw new Error(`A detector's input is [N, 3, height, width], not [${view.shape.join(', ')}]`);
  }
  const packed = isPacked(view);
  const settings: Binding = { name: 'settings', element: 'f32', vector: 1, access: 'read' };
  const image: Binding = { name: 'image', element: 'u32', vector: 1, access: 'read' };
  const network: Binding = { name: 'network', element: view.element, vector: packed ? 4 : 1, access: 'write' };
  return {
    label: `preprocess ${source} ${spec.channelOrder} to ${width}x${height} ${view.element}`,
    bindings: source === 'bytes' ? [settings, image, network] : [settings, network],
    parameters: preprocessParameters(spec),
    workgroupSize: [TILE, TILE, 1],
    workgroups: [Math.ceil(width / TILE), Math.ceil(height / TILE), 1],
    body: preprocessBody(source, view.element, packed, spec.channelOrder),
  };
}

/** Four elements a pixel, aligned: R, G, B and a zero are written at once. */
function isPacked(view: TensorView): boolean {
  const [image, channel, row, column] = view.strides;
  return channel === 1 && column >= 4 && [view.offset, image, row, column].every((value) => value % 4 === 0);
}

function preprocessParameters({ view, padValue, scale, offset }: PreprocessSpec): Parameter[] {
  const [, , height, width] = view.shape;
  const [imageStride, channelStride, rowStride, columnStride] = view.strides;
  const strides = { imageStride, channelStride, rowStride, columnStride };
  const integers = { width, height, start: view.offset, ...strides, padValue };
  const channels = scale.flatMap((value, c): Parameter[] => [
    { name: `scale${c}`, type: 'f32', value },
    { name: `offset${c}`, type: 'f32', value: offset[c] },
  ]);
  return [...Object.entries(integers).map(([name, value]): Parameter => ({ name, type: 'u32', value })), ...channels];
}

function preprocessBody(
  source: PixelSource,
  element: string,
  packed: boolean,
  channelOrder: PreprocessSpec['channelOrder'],
): string {
  const ordered = channelOrder === 'rgb' ? 'color.rgb' : 'color.bgr';
  const store = packed
    ? `network[at / 4u] = vec4<${element}>(vec4<f32>(values, 0.0f));`
    : [0, 1, 2].map((c) => `network[at + ${c}u * params.channelStride] = ${element}(values[${c}]);`).join('\n  ');
  return `
${PIXEL[source]}

struct Sample { first: u32, second: u32, weight: u32 }

// Pixel centre p of a resized axis lies at ((2p + 1) * source - resized) / (2 * resized) on the source's axis: between the
// neighbours next - 1 and next, the weight of the second counting 2048ths. Beyond the edge both are the edge, but keep
// their weights: each product is truncated for itself.
fn sampleAxis(position: u32, resized: u32, source: u32) -> Sample {
  let unit = 2u * resized;
  let offset = (2u * position + 1u) * source + resized;
  let next = offset / unit;
  let rest = offset - next * unit;
  return Sample(max(next, 1u) - 1u, min(next, source - 1u), (rest * 2048u + resized) / unit);
}

fn blendRow(x: Sample, y: u32) -> vec3<u32> {
  return (pixel(x.first, y) * (2048u - x.weight) + pixel(x.second, y) * x.weight) >> vec3<u32>(4u);
}

@main
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.width || id.y >= params.height) { return; }
  let corner = vec2<u32>(u32(${frameSetting('contentLeft')}), u32(${frameSetting('contentTop')}));
  let resized = vec2<u32>(u32(${frameSetting('contentWidth')}), u32(${frameSetting('contentHeight')}));
  var color = vec3<u32>(params.padValue);
  if (all(id.xy >= corner) && all(id.xy < corner + resized)) {
    let size = imageSize();
    let x = sampleAxis(id.x - corner.x, resized.x, size.x);
    let y = sampleAxis(id.y - corner.y, resized.y, size.y);
    let upper = (blendRow(x, y.first) * (2048u - y.weight)) >> vec3<u32>(16u);
    let lower = (blendRow(x, y.second) * y.weight) >> vec3<u32>(16u);
    color = (upper + lower + 2u) >> vec3<u32>(2u);
  }
  let values = vec3<f32>(${ordered}) * vec3<f32>(params.scale0, params.scale1, params.scale2)
    + vec3<f32>(params.offset0, params.offset1, params.offset2);
  let first = params.start + u32(${frameSetting('image')}) * params.imageStride;
  let at = first + id.y * params.rowStride + id.x * params.columnStride;
  ${store}
}`;
}

const SETTINGS_SIZE = `
fn imageSize() -> vec2<u32> {
  return vec2<u32>(u32(${frameSetting('imageWidth')}), u32(${frameSetting('imageHeight')}));
}`;

const TEXTURE_BYTES = 'vec3<u32>(round(clamp(color.rgb, vec3<f32>(0.0f), vec3<f32>(1.0f)) * 255.0f))';

/** For each source `imageSize()` and `pixel(x, y)`: its size, and one pixel as bytes R, G, B. */
const PIXEL: Readonly<Record<PixelSource, string>> = {
  bytes: `${SETTINGS_SIZE}
fn byteAt(index: u32) -> u32 {
  return (image[index / 4u] >> (8u * (index % 4u))) & 255u;
}
fn pixel(x: u32, y: u32) -> vec3<u32> {
  let pixelBytes = u32(${frameSetting('pixelBytes')});
  let at = (y * u32(${frameSetting('imageWidth')}) + x) * pixelBytes;
  if (pixelBytes == 4u) { return (vec3<u32>(image[at / 4u]) >> vec3<u32>(0u, 8u, 16u)) & vec3<u32>(255u); }
  return vec3<u32>(byteAt(at), byteAt(at + 1u), byteAt(at + 2u));
}`,
  texture: `${SETTINGS_SIZE}
@group(0) @binding(${IMAGE_TEXTURE_BINDING}) var image: texture_2d<f32>;
fn pixel(x: u32, y: u32) -> vec3<u32> {
  let color = textureLoad(image, vec2<u32>(x, y), 0);
  return ${TEXTURE_BYTES};
}`,
  // A video's texture may be smaller or larger than the size it is shown at.
  externalTexture: `
@group(0) @binding(${IMAGE_TEXTURE_BINDING}) var image: texture_external;
fn imageSize() -> vec2<u32> {
  return textureDimensions(image);
}
fn pixel(x: u32, y: u32) -> vec3<u32> {
  let color = textureLoad(image, vec2<u32>(x, y));
  return ${TEXTURE_BYTES};
}`,
};
