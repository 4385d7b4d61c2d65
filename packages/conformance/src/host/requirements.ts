import { addressRequirements } from './address-checks.ts';
import { bringUpRequirements } from './bring-up-checks.ts';
import { handleRequirements } from './handle-checks.ts';
import type { HostRequirement } from './kit.ts';
import { lifeRequirements } from './life-checks.ts';
import { lossRequirements } from './loss-checks.ts';
import { memoryRequirements } from './memory-checks.ts';
import { packetRequirements } from './packet-checks.ts';
import { pageRequirements } from './page-checks.ts';
import { perCommand } from './per-command.ts';
import { queueRequirements } from './queue-checks.ts';
import { resourceRequirements } from './resource-checks.ts';
import { rightsRequirements } from './rights-checks.ts';
import { syncRequirements } from './sync-checks.ts';

/** All that is demanded of a host, in the order in which it is looked at. */
export const hostRequirements: readonly HostRequirement[] = [
  ...bringUpRequirements,
  ...packetRequirements,
  ...perCommand,
  ...handleRequirements,
  ...syncRequirements,
  ...rightsRequirements,
  ...pageRequirements,
  ...queueRequirements,
  ...lossRequirements,
  ...memoryRequirements,
  ...resourceRequirements,
  ...addressRequirements,
  ...lifeRequirements,
];
