// Reads pictures from standard input and writes one line of JSON for each: what every peer's process has in common.
// A picture is three little-endian uint32 (width, height, 1 where it is already cut to one face, else 0) and then
// width x height x 3 bytes of RGB. The answer is {"age": years or null}.
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const HEADER_BYTES = 12;

/** Returns `require` and paths of the folder that npm installed into: the first argument of the process. */
export function installed() {
  const folder = path.resolve(process.argv[2]);
  return {
    require: createRequire(path.join(folder, 'package.json')),
    at: (...names) => path.join(folder, 'node_modules', ...names),
  };
}

/** Makes `fetch` read file: addresses, which Node's does not, and nothing else. */
export function fetchFiles() {
  globalThis.fetch = async (address) => {
    const text = String(address);
    const body = await readFile(text.startsWith('file:') ? fileURLToPath(text) : text);
    return new Response(body, { headers: { 'Content-Type': text.endsWith('.json') ? 'application/json' : 'application/octet-stream' } });
  };
}

/** Answers every picture with `estimate({pixels, width, height, isFace})`: a Promise of years, or null where it finds no face. */
export async function answerAll(estimate) {
  const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
  let held = Buffer.alloc(0);
  say({ ready: true });
  for await (const part of process.stdin) {
    held = Buffer.concat([held, part]);
    while (held.length >= HEADER_BYTES) {
      const [width, height, isFace] = [0, 4, 8].map((at) => held.readUInt32LE(at));
      const end = HEADER_BYTES + width * height * 3;
      if (held.length < end) break;
      const pixels = new Uint8Array(held.subarray(HEADER_BYTES, end));
      held = held.subarray(end);
      const age = await estimate({ pixels, width, height, isFace: isFace === 1 });
      say({ age: Number.isFinite(age) ? age : null });
    }
  }
}

/** Returns the largest of what was found, by the area of `boxOf(found)` = {width, height}; undefined of none. */
export function largest(found, boxOf) {
  const area = (one) => boxOf(one).width * boxOf(one).height;
  return found.reduce((best, one) => (best === undefined || area(one) > area(best) ? one : best), undefined);
}
