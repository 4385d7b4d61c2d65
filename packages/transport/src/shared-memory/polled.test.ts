import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connect } from '../connect.ts';
import { isTransportError } from '../errors.ts';
import { listen } from '../listen.ts';
import { type GuestBus, isPolledEnd, PacketKind, type PolledEnd } from '../transport.ts';

const FILE = fileURLToPath(import.meta.url);
const GUID = new Uint8Array(16);
const MEBIBYTE = 1_048_576;
/** A bell that was lost. */
const LOST_MS = 30_000;
/** First byte of a packet that lets the host's thread block. */
const BLOCK = 1;
/** Long enough for a machine that does much else. */
const HEARTBEAT_MS = 1000;

/** The host's process: blocks whenever there is nothing to do, once it was told to. */
async function runHost(url: string): Promise<void> {
  const listener = await listen(url, {
    windowMegabytes: 1,
    guestMemoryBytes: 4 * MEBIBYTE,
    heartbeatMs: HEARTBEAT_MS,
    onBus: (host) => {
      assert.ok(isPolledEnd(host));
      let isOpen = true;
      host.onClose = () => {
        isOpen = false;
        void listener.close();
        process.disconnect();
      };
      const block = () => {
        if (!isOpen) return;
        do {
          while (host.poll() > 0);
        } while (host.sleep(LOST_MS) && host.poll() > 0);
        setImmediate(block);
      };
      host.onChannelOpen = (channel) => {
        channel.onPacket = ({ idLow, flags, bytes, offset, length }) => {
          if (bytes[offset] === BLOCK) setImmediate(block);
          else if (flags === 1) channel.send(PacketKind.completion, idLow, 0, 0, bytes, offset, length);
        };
      };
      host.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 1 });
      host.start();
    },
  });
  process.send?.({ running: true });
}

const [, , role, given = ''] = process.argv;
if (role === 'host') await runHost(given);
else {
  const folder = mkdtempSync(join(tmpdir(), 'dxgwire-'));
  after(() => rmSync(folder, { recursive: true }));
  let count = 0;

  const startHost = async (): Promise<{ child: ChildProcess; guest: GuestBus & PolledEnd }> => {
    count += 1;
    const url = `shm:${join(folder, `${count}.sock`)}`;
    const child = fork(FILE, ['host', url], { execArgv: [] });
    await once(child, 'message');
    const guest = await connect(url);
    assert.ok(isPolledEnd(guest));
    return { child, guest };
  };

  const turn = () => new Promise((resolve) => setImmediate(resolve));

  describe('two processes that block on their bus', () => {
    it('wake each other for packets and for the end, and keep up their heartbeat', async () => {
      const { child, guest } = await startHost();
      const exited = once(child, 'exit');
      const channel = await guest.open(1);
      let answers = 0;
      channel.onPacket = ({ kind, idLow }) => {
        assert.equal(kind, PacketKind.completion);
        assert.equal(idLow, answers);
        answers += 1;
      };
      let ended: Error | null | undefined;
      guest.onClose = (error) => {
        ended = error;
      };
      const bytes = Uint8Array.of(BLOCK);
      channel.send(PacketKind.inBand, 0, 0, 0, bytes, 0, 1);
      bytes[0] = 0;
      const ask = async (id: number) => {
        channel.send(PacketKind.inBand, id, 0, 1, bytes, 0, 1);
        channel.flush();
        // The event loop takes an answer as well, in the turn that something else than a packet is left to.
        while (answers <= id) {
          assert.equal(ended, undefined);
          if (guest.poll() > 0) continue;
          // Something else than a packet, or a heartbeat that is due: the event loop's.
          if (!guest.sleep(LOST_MS) || guest.poll() === 0) await turn();
        }
        assert.equal(answers, id + 1);
      };
      for (let id = 0; id < 200; id += 1) await ask(id);
      assert.equal(guest.sleep(0) && guest.poll() > 0, false, 'nothing more has come');
      // Both block far longer in all than a silent side is given: each comes back in time to say that it is there.
      for (let blocks = 0; blocks < 8; ) {
        if (!guest.sleep(LOST_MS)) blocks += 1;
        await turn();
      }
      await ask(200);
      assert.equal(ended, undefined);
      await guest.close();
      assert.deepEqual(await exited, [0, null]);
      assert.equal(ended, null);
      assert.equal(guest.sleep(LOST_MS), true, 'a closed bus does not sleep');
    });

    it('wake when the other one is killed', async () => {
      const { child, guest } = await startHost();
      const channel = await guest.open(1);
      channel.onPacket = () => {};
      const closed = new Promise<Error | null>((resolve) => {
        guest.onClose = resolve;
      });
      child.kill('SIGKILL');
      // Woken by that, or let go because a heartbeat is due.
      let isGone = false;
      void closed.then(() => {
        isGone = true;
      });
      while (!isGone) {
        guest.sleep(LOST_MS);
        guest.poll();
        await turn();
      }
      const error = await closed;
      assert.ok(isTransportError(error) && error.code === 'peer-closed', String(error));
    });
  });
}
