import { buildAndRun } from './steps.mjs';

await buildAndRun('tools/dist/bench/main.js');
