import { build } from './steps.mjs';

process.exit(await build());
