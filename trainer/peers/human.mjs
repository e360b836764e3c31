// @vladmandic/human with its own settings, `faceres-deep` for the description, and every other model of it off.
import { pathToFileURL } from 'node:url';
import { answerAll, fetchFiles, installed, largest } from './frames.mjs';

const { require, at } = installed();
fetchFiles();
const { Human } = require(at('@vladmandic', 'human', 'dist', 'human.node-wasm.js'));
const off = { enabled: false };
const human = new Human({
  backend: 'wasm',
  wasmPath: `${at('@tensorflow', 'tfjs-backend-wasm', 'dist')}/`,
  modelBasePath: `${pathToFileURL(at('@vladmandic', 'human-models', 'models')).href}/`,
  debug: false,
  cacheSensitivity: 0, // photos are no film: nothing of one is used again for the next
  skipAllowed: false,
  face: { enabled: true, description: { enabled: true, modelPath: 'faceres-deep.json' }, emotion: off },
  body: off,
  hand: off,
  object: off,
  gesture: off,
});
await human.load();

await answerAll(async ({ pixels, width, height, isFace }) => {
  if (isFace) return null;
  const tensor = human.tf.tensor4d(pixels, [1, height, width, 3], 'float32');
  try {
    const { face } = await human.detect(tensor);
    return largest(face, ({ box }) => ({ width: box[2], height: box[3] }))?.age;
  } finally {
    tensor.dispose();
  }
});
