import * as enums from '../enums.ts';
import { arg, array, id, object, oneOf, positional, size, string, struct, u32, u32s } from '../schema.ts';

/** A limit by its name in GPUSupportedLimits. */
export const limit = struct({ name: string, value: size });

/** The device itself: its life, error scopes, names, the end of objects. */
export const deviceOps = {
  createDevice: object(
    1,
    {
      requestId: u32,
      label: string,
      queueLabel: string,
      requiredFeatures: array(string),
      requiredLimits: array(limit),
    },
    'Makes the GPUDevice of this context. The only record of its stream; answered by deviceResult.',
  ),
  destroyDevice: positional(2, [], 'GPUDevice.destroy(); answered by deviceLost.'),
  setDeviceLabel: positional(3, [arg('label', string)], 'GPUDevice.label = label.'),
  setQueueLabel: positional(4, [arg('label', string)], 'GPUQueue.label = label.'),
  setLabel: positional(
    5,
    [arg('id', id('any')), arg('label', string)],
    'Names an object after its creation.',
  ),
  releaseObjects: positional(
    6,
    [arg('ids', u32s)],
    'The guest will not name these ids again (until it gives them to new objects). Nothing is destroyed early.',
  ),
  returnsConsumed: positional(
    7,
    [arg('totalLow', u32), arg('totalHigh', u32)],
    'How many bytes of the return ring the guest has read since its beginning.',
  ),
  pushErrorScope: positional(8, [arg('filter', oneOf(enums.errorFilter))], 'GPUDevice.pushErrorScope().'),
  popErrorScope: positional(
    9,
    [arg('requestId', u32)],
    'GPUDevice.popErrorScope(); answered by errorScopeResult.',
  ),
  injectError: positional(
    10,
    [arg('type', oneOf(enums.errorFilter)), arg('message', string)],
    'Raises an error that the guest found by itself, at this place among the errors of other records.',
  ),
} as const;
