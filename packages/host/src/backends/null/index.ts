export { createNullBackend, type NullBackendOptions } from './null-backend.ts';
