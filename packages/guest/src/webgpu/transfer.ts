import type { StreamWriter } from '@dxgwire/protocol/stream';
import type { StagingRegion } from './staging.ts';

/** Bulk data on its way to the host, sent in one piece or several. */
export interface Upload {
  readonly data: Uint8Array;
  /** How many bytes from `offset` on make a piece, at most `mostBytes`. */
  cut(offset: number, mostBytes: number): number;
  /** Records the piece whose bytes are in the region. */
  emit(writer: StreamWriter, region: StagingRegion, offset: number, lengthBytes: number): void;
  /** Records the piece with its bytes in the stream. */
  emitInline(writer: StreamWriter, offset: number, bytes: Uint8Array): void;
}

/** A request for memory that the host writes into. */
export interface Download {
  readonly lengthBytes: number;
  /** Records the request; the region then belongs to the caller. Null: there is no memory to be had. */
  emit(writer: StreamWriter, region: StagingRegion | null): void;
}

/** The same upload without its first bytes. */
export function shifted(upload: Upload, data: Uint8Array, by: number): Upload {
  return {
    data,
    cut: (offset, most) => upload.cut(offset + by, most),
    emit: (writer, region, offset, length) => upload.emit(writer, region, offset + by, length),
    emitInline: (writer, offset, bytes) => upload.emitInline(writer, offset + by, bytes),
  };
}
