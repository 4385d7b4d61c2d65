import { demand, hex32, NotApplicable } from '../failure.ts';
import { Status } from '../statuses.ts';
import * as wire from '../wire/adapter-commands.ts';
import type { WireCommand } from '../wire/command.ts';
import { NUMBERED_ONLY } from '../wire/commands.ts';
import { longs, words } from '../wire/message.ts';
import { signalSyncObject } from '../wire/sync-commands.ts';
import { Group } from './group.ts';
import type { HostRequirement } from './kit.ts';
import type { WireGuest } from './wire-guest.ts';

/** Headers, transactions, unknown commands, order: section 2. */

const packet = new Group('PACKET');

function unknown(channel: 'vgpu' | 'global', code: number): WireCommand {
  return { ...wire.flushHeapTransitions, name: `command ${code}`, code, channel };
}

/** Messages say where their command header begins from version 40 on. */
function needsOffset({ hasExtendedHeader, version }: WireGuest): void {
  if (!hasExtendedHeader) throw new NotApplicable(`interface version ${version} has no command_offset`);
}

packet.must(1, '2.3', 'A completion repeats all 64 bits of its transaction id', async (kit) => {
  const scene = await kit.scene();
  (await scene.call(wire.isFeatureEnabled, {}, [], { idHigh: 0x8000_0001 })).ok();
});

packet.must(
  2,
  '1.7, 2.1',
  'A command is carried out whichever channel it came on, and answered there',
  async (kit) => {
    const scene = await kit.scene();
    if (!scene.guest.hasExtendedHeader && scene.guest.gpus.length > 1)
      throw new NotApplicable('before version 40 the channel says which of several GPUs is meant');
    for (const { index } of scene.guest.bus.offers) {
      const reply = (await scene.call(wire.createDevice, {}, [], { channel: index })).ok();
      (await scene.call(wire.destroyDevice, { device: reply.handle() }, [], { channel: index })).ok();
    }
  },
);

packet.must(
  3,
  '2.1',
  'The command header is found through command_offset, not assumed at 16',
  async (kit) => {
    const scene = await kit.scene();
    needsOffset(scene.guest);
    const change = (bytes: Uint8Array): Uint8Array => {
      const moved = new Uint8Array(bytes.length + 8);
      moved.set(bytes.subarray(0, 16));
      moved.fill(0xee, 16, 24);
      moved.set(bytes.subarray(16), 24);
      moved[0] = 24;
      return moved;
    };
    (await scene.call(wire.createDevice, {}, [], { change })).ok();
  },
);

packet.must(
  4,
  '2.1',
  'A command header outside of its packet fails or ends the link, and the host lives on',
  async (kit) => {
    for (const offset of [0, 8, 20, 4096, 0xffff_fff8]) {
      const guest = await kit.freshGuest();
      const scene = await kit.scene(guest);
      needsOffset(guest);
      const change = (bytes: Uint8Array): Uint8Array => {
        new DataView(bytes.buffer).setUint32(0, offset, true);
        return bytes;
      };
      const reply = await scene.call(wire.createDevice, {}, [], { change }).catch((error: unknown) => {
        if (guest.isOpen) throw error;
        return null;
      });
      reply?.fails(`command_offset ${offset}`);
      await guest.close();
    }
    await kit.servesTheNext('others sent headers out of place');
  },
);

packet.must(5, '2.8, 4.2', 'A command without completion flag gets no completion', async (kit) => {
  const scene = await kit.scene();
  const device = await scene.device();
  const fence = await scene.fence(device);
  scene.guest.post(signalSyncObject, { object_count: 1, device }, [words([fence.handle]), longs([1n])], {
    process: scene.process,
  });
  await scene.untilFence(device, fence.handle, 1n, 'a one-way signal takes effect');
  await scene.roundTrip();
});

packet.must(
  6,
  '2.8',
  'An unknown command that wants a completion gets NOT_SUPPORTED, 4 bytes and padding',
  async (kit) => {
    const scene = await kit.scene();
    for (const [channel, code] of [
      ['vgpu', 200],
      ['global', 999],
      ['global', 1500],
      ['vgpu', 0xffff_ffff],
    ] as const) {
      const reply = await scene.call(unknown(channel, code));
      reply.failsWith(Status.notSupported, `code ${code}`).isPadded();
      demand(reply.payload.length <= 8, 'a bare status', `${reply.payload.length} bytes`, reply.evidence());
    }
  },
);

packet.must(7, '2.8', 'An unknown command that wants no completion is dropped', async (kit) => {
  const scene = await kit.scene();
  scene.guest.post(unknown('vgpu', 200), {}, [], { process: scene.process });
  await scene.roundTrip();
  await scene.roundTrip();
});

packet.must(8, '2.6', 'Commands of a channel take effect in the order of their arrival', async (kit) => {
  const scene = await kit.scene();
  for (let round = 0; round < 8; round += 1) {
    const device = await scene.device();
    const context = await scene.context(device);
    const set = (priority: number) => scene.call(wire.setContextSchedulingPriority, { context, priority });
    const get = () => scene.call(wire.getContextSchedulingPriority, { context });
    // All on their way at once.
    const [, first, , second, ended, late] = await Promise.all([
      set(-2),
      get(),
      set(-5),
      get(),
      scene.call(wire.destroyContext, { context }),
      get(),
    ]);
    demand(
      first.number('priority') === -2,
      '-2, set just before',
      `${first.number('priority')}`,
      first.evidence(),
    );
    demand(
      second.number('priority') === -5,
      '-5, set just before',
      `${second.number('priority')}`,
      second.evidence(),
    );
    ended.ok();
    late.fails('a context destroyed just before');
  }
});

packet.must(9, '2.5', 'Many messages at once are all answered', async (kit) => {
  const scene = await kit.scene();
  const replies = await Promise.all(
    Array.from({ length: 200 }, () => scene.call(wire.isFeatureEnabled, { feature_id: 32 })),
  );
  for (const reply of replies) reply.ok();
});

packet.must(10, '2.5', 'The largest message, 131,072 bytes, is taken', async (kit) => {
  const scene = await kit.scene();
  const change = (bytes: Uint8Array): Uint8Array => {
    const longer = new Uint8Array(131_072);
    longer.set(bytes);
    return longer;
  };
  (await scene.call(wire.createDevice, {}, [], { change })).ok();
});

packet.must(11, '2.3, 6.2', 'Completions hold no header: the answer begins at byte 0', async (kit) => {
  const scene = await kit.scene();
  const reply = (await scene.call(wire.createDevice, {})).ok();
  demand(reply.payload.length < 24, 'a bare handle', `${reply.payload.length} bytes`, reply.evidence());
});

packet.must(
  12,
  '2.8',
  'A packet of no bytes, or of a few, ends the link or is ignored; the next guest is served',
  async (kit) => {
    for (const length of [0, 4, 16, 23]) {
      const guest = await kit.freshGuest();
      const scene = await kit.scene(guest);
      const sent = scene.call(wire.createDevice, {}, [], { change: (bytes) => bytes.slice(0, length) });
      await sent.catch((error: unknown) => {
        if (guest.isOpen) throw error;
      });
      await guest.close();
    }
    await kit.servesTheNext('others sent packets of a few bytes');
  },
);

packet.must(
  13,
  '8.3',
  'Counts at the limit of 32 bits neither crash the host nor are believed',
  async (kit) => {
    const huge = 0xffff_ffff;
    const cases: readonly [WireCommand, Record<string, number>][] = [
      [signalSyncObject, { object_count: huge, context_count: huge }],
      [wire.queryAdapterInfo, { private_data_size: huge }],
      [wire.escapeCommand, { priv_drv_data_size: huge }],
      [wire.createContextVirtual, { priv_drv_data_size: huge }],
    ];
    for (const [command, fields] of cases) {
      const guest = await kit.freshGuest();
      const scene = await kit.scene(guest);
      await scene.device();
      const reply = await scene.call(command, fields).catch((error: unknown) => {
        if (guest.isOpen) throw error;
        return null;
      });
      if (reply !== null) {
        const good = reply.payload.length < 4 || reply.status !== 0;
        demand(good, `${command.name} with a count of ${hex32(huge)} to fail`, 'success', reply.evidence());
      }
      await guest.close();
    }
    await kit.servesTheNext('others sent counts of 32 bits');
  },
);

const numbered: HostRequirement[] = (['vgpu', 'global'] as const).flatMap((channel) =>
  NUMBERED_ONLY[channel].map((code) => ({
    id: `UNSENT-${String(code).padStart(2, '0')}${channel === 'global' ? 'G' : ''}`,
    group: 'UNSENT',
    level: 'must' as const,
    text: `${channel === 'vgpu' ? 'vGPU' : 'Global'} command ${code}, which no Linux guest sends, is answered with NOT_SUPPORTED`,
    source: '4.1, 4.2, 2.8',
    check: async (kit) => {
      const scene = await kit.scene();
      const reply = await scene.call(unknown(channel, code));
      reply.failsWith(Status.notSupported, `code ${code}`);
    },
  })),
);

packet.must(
  14,
  '4.11, 2.8',
  'A signal with fewer values than objects is malformed: it fails or ends the link',
  async (kit) => {
    const scene = await kit.scene(await kit.freshGuest());
    const device = await scene.device();
    const fences = [await scene.fence(device), await scene.fence(device), await scene.fence(device)];
    const tail = [words(fences.map(({ handle }) => handle)), longs([1n, 1n])];
    try {
      const reply = await scene.call(signalSyncObject, { object_count: 3, device }, tail);
      reply.fails('two values for three objects');
    } catch (error) {
      if (scene.guest.isOpen) throw error;
    }
  },
);

export const packetRequirements = [...packet.requirements, ...numbered];
