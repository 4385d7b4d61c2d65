/** For this project's own checks only: the managers against simple models of what they promise. */
export { type ModelRun, runResidencyModel } from './run-residency-model.ts';
export { runSchedulerModel } from './run-scheduler-model.ts';
