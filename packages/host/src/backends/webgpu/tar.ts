const BLOCK_BYTES = 512;

const decoder = new TextDecoder();

/**
 * Regular files of a POSIX tar archive by name. Folders, links and extended headers are passed over: the archives
 * that we read have none that matters.
 * @throws Error when a header does not fit the archive.
 */
export function readTar(archive: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  let position = 0;
  while (position + BLOCK_BYTES <= archive.length) {
    const header = archive.subarray(position, position + BLOCK_BYTES);
    if (header.every((byte) => byte === 0)) break;
    const name = field(header, 0, 100);
    const lengthText = field(header, 124, 12).trim();
    if (!/^[0-7]+$/.test(lengthText)) throw new Error(`tar entry "${name}" has the length "${lengthText}"`);
    const lengthBytes = Number.parseInt(lengthText, 8);
    const start = position + BLOCK_BYTES;
    if (start + lengthBytes > archive.length) throw new Error(`tar entry "${name}" ends behind the archive`);
    const type = header[156];
    if (type === 0 || type === 0x30) files.set(name, archive.subarray(start, start + lengthBytes));
    position = start + Math.ceil(lengthBytes / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return files;
}

function field(header: Uint8Array, offset: number, length: number): string {
  const bytes = header.subarray(offset, offset + length);
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
}
