import { reply } from '../schema/message.ts';
import { ntstatus } from '../schema/scalars.ts';

/** A reply that is one NTSTATUS. */
export const statusReply = reply('(one NTSTATUS)', { status: ntstatus });

/** A completion is wanted, but its payload is ignored. */
export const emptyReply = reply('(nothing)', {});
