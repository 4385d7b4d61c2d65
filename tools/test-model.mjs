import { buildAndRun } from './steps.mjs';

await buildAndRun('tools/dist/test-model.js');
