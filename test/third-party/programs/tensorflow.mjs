// TensorFlow.js: operators, and a small network trained on the GPU.
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-webgpu';
import { numbers, report } from './digest.mjs';

await tf.setBackend('webgpu');
await tf.ready();

const a = tf.tensor(numbers(64 * 48), [64, 48]);
const b = tf.tensor(numbers(48 * 32, 2), [48, 32]);
report('matMul', await tf.matMul(a, b).data());
report('softmax', await tf.softmax(a).data());
report('sum', await tf.sum(a, 1).data());
report('transpose', await tf.transpose(a).data());
const image = tf.tensor4d(numbers(32 * 32 * 3, 3), [1, 32, 32, 3]);
const filter = tf.tensor4d(numbers(3 * 3 * 3 * 8, 4), [3, 3, 3, 8]);
report('conv2d', await tf.conv2d(image, filter, 1, 'same').data());
report('maxPool', await tf.maxPool(image, 2, 2, 'same').data());
report('resize', await tf.image.resizeBilinear(image, [48, 48]).data());

// Two layers, the way back written out: what goes with tfjs-core in Node has no gradients registered.
const rate = tf.scalar(0.05);
const inputs = tf.tensor2d(numbers(128 * 4, 5), [128, 4]);
const targets = tf.sum(tf.square(inputs), 1, true);
let w1 = tf.tensor2d(numbers(4 * 16, 6), [4, 16]);
let w2 = tf.tensor2d(numbers(16, 7), [16, 1]);
const losses = [];
for (let step = 0; step < 5; step++) {
  const next = tf.tidy(() => {
    const hidden = tf.tanh(tf.matMul(inputs, w1));
    const error = tf.sub(tf.matMul(hidden, w2), targets);
    const back2 = tf.matMul(hidden, error, true, false);
    const slope = tf.sub(1, tf.square(hidden));
    const back1 = tf.matMul(inputs, tf.mul(tf.matMul(error, w2, false, true), slope), true, false);
    const learned = (w, back) => tf.sub(w, tf.mul(rate, tf.div(back, 128)));
    return { loss: tf.mean(tf.square(error)), w1: learned(w1, back1), w2: learned(w2, back2) };
  });
  tf.dispose([w1, w2]);
  ({ w1, w2 } = next);
  losses.push((await next.loss.data())[0]);
  next.loss.dispose();
}
report('training', Float32Array.from(losses));
report('weights', await w1.data());
console.log(`it learns: ${losses.at(-1) < losses[0]}, tensors left: ${tf.memory().numTensors}`);
