// webgpu-torch: tensors whose kernels are made from expressions as they are needed, products, convolution, gradients.
const torch = require('webgpu-torch');

const row = (length, step) => Array.from({ length }, (_, index) => Math.sin(index * step + step));
const rows = (count, length, first) =>
  Array.from({ length: count }, (_, index) => row(length, index + first));

async function main() {
  const { report } = await import('./digest.mjs');
  const show = async (name, tensor) =>
    report(name, Float32Array.from((await tensor.toArrayAsync()).flat(Number.POSITIVE_INFINITY)));

  console.log(await torch.initWebGPUAsync());
  const a = torch.tensor(rows(16, 8, 0.3));
  const b = torch.tensor(rows(8, 12, 0.7));
  await show('product', a.mm(b));
  for (const name of ['abs', 'exp', 'tanh', 'sigmoid', 'relu', 'square', 'atan', 'silu', 'ceil'])
    await show(name, a[name]());
  for (const name of ['add', 'sub', 'mul', 'div', 'hypot', 'atan2']) await show(name, a[name](a.cos()));
  await show('sum', a.mul(a).sum());
  const images = torch.tensor([[rows(8, 8, 0.1)]]);
  const weights = torch.tensor([0, 1, 2, 3].map((index) => [rows(3, 3, index + 0.1)]));
  await show('convolution', torch.conv2d(images, weights));

  const x = torch.tensor({ data: rows(4, 8, 0.2), requiresGrad: true });
  const y = torch.tensor({ data: rows(4, 8, 0.4), requiresGrad: true });
  x.mul(y)
    .add(x.sin())
    .backward(torch.tensor(rows(4, 8, 0.6)));
  await show('gradient x', x.grad);
  await show('gradient y', y.grad);
  process.exit(0);
}

main();
