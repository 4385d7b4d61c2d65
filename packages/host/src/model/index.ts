/** The managers' models, for `pnpm test:model`: not for programs. */
export { type ModelRun, runResidencyModel } from './run-residency-model.ts';
export { runSchedulerModel } from './run-scheduler-model.ts';
