// @vladmandic/human with its own settings, `faceres-deep` for the description, and every other model of it off.
//
// Human feeds that network RGB from 0 to 255 and reads the likeliest age. A picture that is already cut to one face
// is given to the network itself as it was trained (HSE_FaceRec_tf): BGR less the means of VGGFace2, the expected age.
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
const { tf } = human;
const faceres = await tf.loadGraphModel(pathToFileURL(at('@vladmandic', 'human-models', 'models', 'faceres-deep.json')).href);
const SIDE_PX = 224;
const MEANS_BGR = [103.939, 116.779, 123.68];

/** Returns the expected age, years, of RGB pixels of a face: the ages 0 to 99 weighed by their probabilities. */
function expectedAge(pixels, width, height) {
  return tf.tidy(() => {
    const rgb = tf.image.resizeBilinear(tf.tensor4d(pixels, [1, height, width, 3], 'float32'), [SIDE_PX, SIDE_PX]);
    const outputs = faceres.execute(tf.sub(tf.reverse(rgb, -1), MEANS_BGR));
    const shares = outputs.find((output) => output.shape[1] === 100).dataSync();
    return shares.reduce((sum, share, age) => sum + age * share, 0);
  });
}

await answerAll(async ({ pixels, width, height, isFace }) => {
  if (isFace) return expectedAge(pixels, width, height);
  const tensor = tf.tensor4d(pixels, [1, height, width, 3], 'float32');
  try {
    const { face } = await human.detect(tensor);
    return largest(face, ({ box }) => ({ width: box[2], height: box[3] }))?.age;
  } finally {
    tensor.dispose();
  }
});
