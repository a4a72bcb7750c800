/** Bytes before the pixels: a file header and a BITMAPV4HEADER, the oldest that knows of transparency. */
const HEADER = 14 + 108;

/** A picture as a BMP, which needs no encoder and no canvas, whose pixels a browser may keep to itself.
 *
 * @param pixels RGBA in the order of memory, row by row from the top.
 */
export function bitmap(pixels: Uint32Array, width: number): Uint8Array {
  const bytes = new Uint8Array(HEADER + pixels.byteLength);
  const view = new DataView(bytes.buffer);
  const write = (at: number, ...numbers: number[]) => {
    for (const [i, number] of numbers.entries()) view.setInt32(at + 4 * i, number, true);
  };
  view.setUint16(0, 0x4d42, true);
  write(2, bytes.length, 0, HEADER);
  // Of the header, width, height (from the top), one plane of 32 bits, and that masks say which bits are which.
  write(14, 108, width, -pixels.length / width, 0x200001, 3, pixels.byteLength);
  write(54, 0xff, 0xff00, 0xff0000, 0xff000000);
  bytes.set(new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength), HEADER);
  return bytes;
}
