const FRAMES = 20;
const MILLISECONDS_PER_FRAME = 100;

/**
 * A short WebM (VP8) that shows a picture. Written here, as a recording of a stream would hold as many frames as the
 * machine had time for.
 * @param {string} url of the picture
 * @returns {Promise<string>} the file in base64
 */
export async function encodeVideo(url) {
  const picture = await createImageBitmap(await (await fetch(url)).blob());
  const { width, height } = picture;
  /** @type {Uint8Array[]} */
  const blocks = [];
  const encoder = new VideoEncoder({
    output: (chunk) => blocks.push(simpleBlock(chunk)),
    error: (error) => {
      throw error;
    },
  });
  encoder.configure({ codec: 'vp8', width, height, bitrate: 8e6 });
  for (let index = 0; index < FRAMES; index++) {
    const frame = new VideoFrame(picture, { timestamp: index * MILLISECONDS_PER_FRAME * 1000 });
    encoder.encode(frame, { keyFrame: index === 0 });
    frame.close();
  }
  await encoder.flush();
  encoder.close();
  return base64(webm(width, height, blocks));
}

/**
 * The elements of https://www.rfc-editor.org/rfc/rfc9559 that a player needs.
 * @param {number} width
 * @param {number} height
 * @param {readonly Uint8Array[]} blocks
 */
function webm(width, height, blocks) {
  const header = element(0x1a45dfa3, [
    element(0x4282, text('webm')),
    element(0x4287, integer(2)), // version of the format
    element(0x4285, integer(2)), // version that a reader needs
  ]);
  const info = element(0x1549a966, [
    element(0x2ad7b1, integer(1_000_000)), // nanoseconds per unit of time
    element(0x4489, float(FRAMES * MILLISECONDS_PER_FRAME)),
    element(0x4d80, text('onelook')),
    element(0x5741, text('onelook')),
  ]);
  const size = element(0xe0, [element(0xb0, integer(width)), element(0xba, integer(height))]);
  const track = element(0xae, [
    element(0xd7, integer(1)), // number
    element(0x73c5, integer(1)), // identifier
    element(0x83, integer(1)), // video
    element(0x86, text('V_VP8')),
    size,
  ]);
  const cluster = element(0x1f43b675, [element(0xe7, integer(0)), ...blocks]);
  return concatenate([header, element(0x18538067, [info, element(0x1654ae6b, track), cluster])]);
}

/** @param {EncodedVideoChunk} chunk */
function simpleBlock(chunk) {
  const data = new Uint8Array(4 + chunk.byteLength);
  const view = new DataView(data.buffer);
  view.setUint8(0, 0x81); // track 1
  view.setInt16(1, chunk.timestamp / 1000);
  view.setUint8(3, chunk.type === 'key' ? 0x80 : 0);
  chunk.copyTo(data.subarray(4));
  return element(0xa3, data);
}

/**
 * @param {number} id
 * @param {Uint8Array | readonly Uint8Array[]} content
 */
function element(id, content) {
  const data = content instanceof Uint8Array ? content : concatenate(content);
  const size = integer(data.length, 8);
  size[0] = 0x01; // seven bytes of size follow
  return concatenate([integer(id), size, data]);
}

/**
 * Big endian, in as few bytes as it needs or in so many.
 * @param {number} value
 * @param {number} [length]
 */
function integer(value, length = Math.max(1, Math.ceil(Math.log2(value + 1) / 8))) {
  return Uint8Array.from({ length }, (_, index) => Math.floor(value / 256 ** (length - 1 - index)) % 256);
}

/** @param {number} value */
function float(value) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
}

/** @param {string} value */
function text(value) {
  return new TextEncoder().encode(value);
}

/** @param {readonly Uint8Array[]} parts */
function concatenate(parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** @param {Uint8Array} bytes */
function base64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}
