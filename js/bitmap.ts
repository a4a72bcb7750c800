/** Bytes before the pixels: a file header, a BITMAPV4HEADER, the oldest that knows of transparency, and two. */
const HEADER = 14 + 108 + 2;

/**
 * A small picture as a BMP, which needs no encoder, and no canvas that a browser may refuse to read.
 *
 * @param pixels RGBA in the order of memory, row by row from the top; up to 16,000 of them.
 */
export function bitmap(pixels: Uint32Array, width: number): Uint8Array {
  const bytes = new Uint8Array(HEADER + pixels.byteLength);
  const words = new Uint16Array(bytes.buffer);
  words.set([0x4d42, bytes.length, 0, 0, 0, HEADER, 0, 108, 0, width, 0, -pixels.length / width, -1]);
  // One plane of 32 bits, of which masks say which are red, green, blue and alpha.
  words.set([1, 32, 3, 0, pixels.byteLength], 13);
  words.set([0xff, 0, 0xff00, 0, 0, 0xff, 0, 0xff00], 27);
  bytes.set(new Uint8Array(pixels.buffer), HEADER);
  return bytes;
}
