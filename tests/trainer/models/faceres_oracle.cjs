// Age distribution of a picture by faceres-deep in TensorFlow.js, its own runtime.
// node faceres_oracle.cjs MODULES MODELS INPUT OUTPUT: float32 (1, 224, 224, 3) to float32 (100,), both little-endian.
const fs = require('fs');
const { createRequire } = require('module');

async function main([modules, models, input, output]) {
  const tf = createRequire(`${modules}/`)('@tensorflow/tfjs');
  await tf.setBackend('cpu');
  const manifest = JSON.parse(fs.readFileSync(`${models}/faceres-deep.json`));
  const { buffer } = new Uint8Array(fs.readFileSync(`${models}/faceres-deep.bin`));
  const artifacts = {
    modelTopology: manifest.modelTopology,
    signature: manifest.signature,
    weightSpecs: manifest.weightsManifest[0].weights,
    weightData: buffer,
  };
  const model = await tf.loadGraphModel({ load: async () => artifacts });
  const pixels = new Float32Array(new Uint8Array(fs.readFileSync(input)).buffer);
  const shares = model.execute(tf.tensor(pixels, [1, 224, 224, 3]), ['age_pred/Softmax:0']);
  fs.writeFileSync(output, Buffer.from(new Float32Array(await shares.data()).buffer));
}

main(process.argv.slice(2));
