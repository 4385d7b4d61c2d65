import { buildAndRun } from './steps.mjs';

await buildAndRun('tools/dist/fuzz/main.js');
