// @vladmandic/face-api as its documentation shows it: SSD MobileNet v1 finds the faces, AgeGenderNet tells their ages.
import { answerAll, installed, largest } from './frames.mjs';

const { require, at } = installed();
const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');
wasm.setWasmPaths(`${at('@tensorflow', 'tfjs-backend-wasm', 'dist')}/`);
await tf.setBackend('wasm');
await tf.ready();
const faceapi = require(at('@vladmandic', 'face-api', 'dist', 'face-api.node-wasm.js'));
const models = at('@vladmandic', 'face-api', 'model');
await faceapi.nets.ssdMobilenetv1.loadFromDisk(models);
await faceapi.nets.ageGenderNet.loadFromDisk(models);

await answerAll(async ({ pixels, width, height, isFace }) => {
  const tensor = tf.tensor3d(pixels, [height, width, 3], 'int32');
  try {
    if (isFace) return (await faceapi.nets.ageGenderNet.predictAgeAndGender(tensor)).age;
    const faces = await faceapi.detectAllFaces(tensor, new faceapi.SsdMobilenetv1Options()).withAgeAndGender();
    return largest(faces, (face) => face.detection.box)?.age;
  } finally {
    tensor.dispose();
  }
});
