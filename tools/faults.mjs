import { buildAndRun } from './steps.mjs';

await buildAndRun('tools/dist/faults.js');
