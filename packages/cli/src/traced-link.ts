import { tapGuestBus } from '@dxgwire/transport/capture';
import { CAPTURE_REPORTS, GuestCaptures } from './capture-file.ts';
import type { Link } from './link.ts';

/** Longest publication of which a trace keeps the bytes. */
const MAX_PUBLISHED_BYTES = 1 << 20;

/** The same link, recorded into a file. */
export async function tracedLink(link: Link, path: string): Promise<Link> {
  const captures = await GuestCaptures.open(path, CAPTURE_REPORTS).catch(async (error: unknown) => {
    // A host that was started for this link would stay.
    await link.close();
    throw error;
  });
  const { end, recorder } = captures.record({ maxPublishedBytes: MAX_PUBLISHED_BYTES });
  return {
    bus: tapGuestBus(link.bus, recorder, { onEnd: end }),
    workersUrl: link.workersUrl,
    // The end of the file is this process's to write.
    needsFarewell: true,
    async close() {
      await link.close();
      await captures.close();
    },
    closeNow: () => captures.closeNow(),
  };
}
