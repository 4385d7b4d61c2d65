import { describeBackendCompliance } from '../compliance/index.ts';
import { createNullBackend } from './index.ts';

describeBackendCompliance('null', { create: async () => createNullBackend(), keepsContents: false });
describeBackendCompliance('null, compute only', {
  create: async () => createNullBackend({ computeOnly: true }),
  keepsContents: false,
});
