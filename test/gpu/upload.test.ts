import { expect, it } from 'vitest';
import { UploadRing } from '../../src/gpu/upload.ts';
import { BufferUsage } from '../../src/gpu/usage.ts';
import { testGpu } from '../harness.ts';

const gpu = testGpu();

it('uploads more than the ring holds, piece by piece and in order', async () => {
  const sizes = [13_000_004, 8, 5_242_880];
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const before = gpu().allocatedBytes;
  const target = gpu().createBuffer('target', total + 16, BufferUsage.COPY_DST | BufferUsage.COPY_SRC);
  const ring = new UploadRing(gpu(), 'ring', total);
  expect(ring.size).toBe(8 * 2 ** 20);
  let offset = 16;
  const uploads = sizes.map((size, which) => {
    const upload = {
      buffer: target,
      offset,
      size,
      fill: (bytes: Uint8Array, from: number) => {
        expect(from % 256).toBe(0);
        for (let i = 0; i < bytes.length; i++) bytes[i] = ((from + i) % 251) ^ which;
      },
    };
    offset += size;
    return upload;
  });
  await ring.write(uploads);
  // What is submitted afterwards finds everything in place.
  const staging = gpu().createBuffer('staging', total, BufferUsage.COPY_DST | BufferUsage.MAP_READ);
  const encoder = gpu().device.createCommandEncoder();
  encoder.copyBufferToBuffer(target, 16, staging, 0, total);
  gpu().device.queue.submit([encoder.finish()]);
  const found = Buffer.from(await gpu().read(staging, total));
  const expected = Buffer.concat(
    sizes.map((size, which) => Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i % 251) ^ which))),
  );
  expect(found.equals(expected)).toBe(true);
  ring.dispose();
  for (const buffer of [target, staging]) gpu().destroyBuffer(buffer);
  expect(gpu().allocatedBytes).toBe(before);
});

it('takes no more memory than there is to upload', () => {
  const ring = new UploadRing(gpu(), 'ring', 1000);
  expect(ring.size).toBe(4 * 256);
  ring.dispose();
});
