import { buildAndRun } from './steps.mjs';

await buildAndRun('tools/dist/demo.js');
