/** @file The beginning of a real clip: what a software adapter looks at in seconds. */

import { readFile, writeFile } from 'node:fs/promises';
import {
  ALL_FORMATS,
  BufferSource,
  BufferTarget,
  EncodedPacketSink,
  EncodedVideoPacketSource,
  Input,
  Output,
  WebMOutputFormat,
} from 'mediabunny';

/** Copies the packets of the first seconds of a WebM, as they are, into another one. */
export async function writeBeginning(from: string, to: string, seconds: number): Promise<void> {
  const input = new Input({ source: new BufferSource(await readFile(from)), formats: ALL_FORMATS });
  const track = (await input.getPrimaryVideoTrack())!;
  const source = new EncodedVideoPacketSource((await track.getCodec())!);
  const target = new BufferTarget();
  const output = new Output({ format: new WebMOutputFormat(), target });
  output.addVideoTrack(source);
  await output.start();
  const decoderConfig = (await track.getDecoderConfig())!;
  for await (const packet of new EncodedPacketSink(track).packets()) {
    if (packet.timestamp >= seconds) break;
    await source.add(packet, { decoderConfig });
  }
  await output.finalize();
  await writeFile(to, new Uint8Array(target.buffer!));
}
