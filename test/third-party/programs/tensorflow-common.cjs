// TensorFlow.js as CommonJS, in the way of a command-line script: operators that the other program does not have.
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-webgpu');

async function main() {
  const { numbers, report } = await import('./digest.mjs');
  const show = async (name, tensor) => report(`${name} ${tensor.shape.join('x')}`, await tensor.data());
  await tf.setBackend('webgpu');
  const table = tf.tensor2d(numbers(64 * 64), [64, 64]);
  const image = tf.tensor4d(numbers(16 * 16 * 4, 2), [1, 16, 16, 4]);
  const spectrum = tf.spectral.fft(tf.complex(table, tf.zeros([64, 64])));
  await show('spectrum', tf.abs(spectrum));
  await show('back', tf.real(tf.spectral.ifft(spectrum)));
  await show('depthwise', tf.depthwiseConv2d(image, tf.tensor4d(numbers(72, 3), [3, 3, 4, 2]), 1, 'same'));
  await show('transposed', tf.conv2dTranspose(image, tf.ones([3, 3, 2, 4]), [1, 32, 32, 2], 2, 'same'));
  await show('average', tf.avgPool(image, 2, 2, 'same'));
  await show('sums', tf.cumsum(table, 1));
  const { values, indices } = tf.topk(table, 5);
  await show('largest', values);
  await show('their places', indices);
  await show('rows', tf.gather(table, tf.tensor1d([3, 1, 60], 'int32')));
  await show('spread', tf.scatterND(tf.tensor2d([[1], [4]], [2, 1], 'int32'), tf.tensor1d([9, 8]), [6]));
  await show('chosen', tf.where(tf.greater(table, 0), table, tf.sqrt(tf.abs(table))));
  await show('product', tf.einsum('ij,kj->ik', table, table));
  await show(
    'padded',
    tf.mirrorPad(
      table,
      [
        [1, 2],
        [3, 4],
      ],
      'reflect',
    ),
  );
  console.log(`tensors: ${tf.memory().numTensors}, bytes on the GPU: ${tf.memory().numBytesInGPU}`);
}

if (require.main === module) main();
