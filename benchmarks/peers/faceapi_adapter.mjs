// @vladmandic/face-api on its WebAssembly backend, one thread: MODE is tiny or ssd (the detector).
//
//     node faceapi_adapter.mjs ENVIRONMENT MODE
//
// Speaks what protocol.py says. Photos are decoded by sharp, since the backend of TensorFlow for Node is not to be had
// everywhere.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import readline from 'node:readline';

const [environment, mode] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(environment), 'package.json'));
const say = (message) => fs.writeSync(1, JSON.stringify(message) + '\n');
console.log = console.info = console.warn = console.error; // standard output is for answers

const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');
const sharp = require('sharp');
const packageFolder = path.dirname(require.resolve('@vladmandic/face-api/package.json'));
const faceapi = require(path.join(packageFolder, 'dist', 'face-api.node-wasm.js'));
const { version } = require('@vladmandic/face-api/package.json');

// Their words by ours, in our order.
const WORDS = {
  neutral: 'neutral', happiness: 'happy', surprise: 'surprised', sadness: 'sad', anger: 'angry', disgust: 'disgusted', fear: 'fearful',
};
const classes = Object.keys(WORDS);
const row = (expressions) => Object.values(WORDS).map((word) => expressions[word]);

async function start() {
  sharp.concurrency(1);
  wasm.setWasmPaths(path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')) + '/dist/');
  wasm.setThreadsCount(1);
  await tf.setBackend('wasm');
  await tf.ready();
  const models = path.join(packageFolder, 'model');
  const detector = mode === 'ssd' ? faceapi.nets.ssdMobilenetv1 : faceapi.nets.tinyFaceDetector;
  await detector.loadFromDisk(models);
  await faceapi.nets.faceExpressionNet.loadFromDisk(models);
}

async function readPhoto(file) {
  const { data, info } = await sharp(file).removeAlpha().toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  const tensor = tf.tensor3d(new Uint8Array(data), [info.height, info.width, 3], 'int32');
  const options = mode === 'ssd' ? new faceapi.SsdMobilenetv1Options() : new faceapi.TinyFaceDetectorOptions();
  const found = await faceapi.detectAllFaces(tensor, options).withFaceExpressions();
  tensor.dispose();
  return found.map(({ detection: { box }, expressions }) => (
    { box: [box.left, box.top, box.right, box.bottom], probabilities: row(expressions) }));
}

async function readCrops(file, side) {
  const bytes = fs.readFileSync(file);
  const rows = [];
  for (let at = 0; at < bytes.length; at += side * side) {
    const gray = tf.tensor3d(new Uint8Array(bytes.subarray(at, at + side * side)), [side, side, 1], 'int32');
    const face = tf.tile(gray, [1, 1, 3]);
    rows.push(row(await faceapi.nets.faceExpressionNet.predictExpressions(face)));
    tf.dispose([gray, face]);
  }
  return rows;
}

await start();
say({ ready: true, classes, version });
for await (const line of readline.createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const began = performance.now();
  const answer = request.photo
    ? { faces: await readPhoto(request.photo) } : { probabilities: await readCrops(request.crops, request.side) };
  say({ seconds: (performance.now() - began) / 1000, ...answer });
}
