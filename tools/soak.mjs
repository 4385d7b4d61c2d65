import { buildAndRun } from './steps.mjs';

await buildAndRun('tools/dist/soak/soak.js');
