// jax-js: kernels that it generates, fuses and differentiates.
import { defaultDevice, grad, init, jit, numpy as np } from '@jax-js/jax';
import { numbers, report } from './digest.mjs';

const devices = await init('webgpu');
defaultDevice('webgpu');
console.log(devices.includes('webgpu'));
const a = np.array(numbers(64 * 32)).reshape([64, 32]);
const b = np.array(numbers(32 * 16, 2)).reshape([32, 16]);
report('matmul', await np.matmul(a.ref, b.ref).data());
report('sin', await np.sin(a.ref.mul(3)).data());
report('sum', await np.sum(a.ref, 0).data());
const f = (x) => np.sum(np.tanh(np.matmul(x, b.ref)));
report('grad', await grad(f)(a.ref).data());
const g = jit((x) => np.exp(x.ref).mul(np.cos(x)));
report('jit', await g(a.ref).data());
report('cumulative', await np.sort(np.array(numbers(100, 9))).data());
process.exit(0);
