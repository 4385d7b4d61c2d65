import assert from 'node:assert/strict';
import { describeTransportCompliance, serveCompliance } from '../compliance/index.ts';
import { createInProcessBus } from '../mock-vmbus/in-process.ts';
import { CaptureReader } from './reader.ts';
import { CaptureRecorder, type ChunkWriter } from './recorder.ts';
import { tapGuestBus } from './tap-guest.ts';
import { tapHostBus } from './tap-host.ts';

/** Reads a capture as it is written, and counts its records by kind; the bytes are not kept. */
class CountingWriter implements ChunkWriter {
  readonly reader = new CaptureReader();
  readonly counts = new Map<string, number>();

  async write(chunk: Uint8Array): Promise<void> {
    for (const { kind } of this.reader.push(chunk)) this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  async close(): Promise<void> {
    assert.equal(this.reader.tail.length, 0, 'the capture ends within a record');
  }
}

// A tap must be no more than a witness: a bus that is tapped at both ends keeps the same contract.
describeTransportCompliance('in process, tapped at both ends', {
  async open() {
    const writers = [new CountingWriter(), new CountingWriter()] as const;
    const [atGuest, atHost] = writers.map((writer) => new CaptureRecorder(writer)) as [
      CaptureRecorder,
      CaptureRecorder,
    ];
    const ends = createInProcessBus();
    const guest = tapGuestBus(ends.guest, atGuest);
    const report = serveCompliance(tapHostBus(ends.host, atHost));
    return {
      guest,
      report,
      async dispose() {
        await report;
        await atGuest.close();
        await atHost.close();
        for (const { counts } of writers) {
          assert.equal(counts.get('busClose'), 1);
          assert.equal(counts.get('start') ?? 0, writers[1].counts === counts ? 1 : 0);
        }
        // Both ends of a bus open the same channels.
        assert.equal(writers[0].counts.get('channelOpen'), writers[1].counts.get('channelOpen'));
      },
    };
  },
});
