import { buildAndRun } from './steps.mjs';

await buildAndRun('tools/dist/sim/sim.js');
