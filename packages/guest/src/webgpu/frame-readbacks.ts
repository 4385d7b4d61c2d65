import { GPUBufferUsage, GPUMapMode } from './constants.ts';
import { textureFormatInfo } from './texture-formats.ts';

/** Rows of a copy from a texture to a buffer begin at multiples of this, bytes. */
const ROW_ALIGNMENT_BYTES = 256;

interface Readback {
  readonly buffer: GPUBuffer;
  /** Hands the texels on; the second time it does nothing. */
  finish(): void;
}

/** The frames of canvases that are on their way back. */
export class FrameReadbacks {
  readonly #pending = new Set<Readback>();

  /** Reads a texture's texels, rows from the top, tightly packed. `take` is not called when its device is lost, or it is invalid. */
  read(device: GPUDevice, texture: GPUTexture, take: (data: Uint8Array) => void): void {
    const { width, height, format } = texture;
    const rowBytes = width * textureFormatInfo(format).copyBytes;
    const bytesPerRow = Math.ceil(rowBytes / ROW_ALIGNMENT_BYTES) * ROW_ALIGNMENT_BYTES;
    const buffer = device.createBuffer({
      size: bytesPerRow * height,
      usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
    });
    const encoder = device.createCommandEncoder();
    encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow }, [width, height]);
    device.queue.submit([encoder.finish()]);
    const readback: Readback = {
      buffer,
      finish: () => {
        if (!this.#pending.delete(readback)) return;
        let padded: Uint8Array;
        try {
          padded = new Uint8Array(buffer.getMappedRange());
        } catch {
          // Its device was lost between its being mapped and this.
          return;
        }
        const data = new Uint8Array(rowBytes * height);
        for (let y = 0; y < height; y++)
          data.set(padded.subarray(y * bytesPerRow, y * bytesPerRow + rowBytes), y * rowBytes);
        buffer.destroy();
        take(data);
      },
    };
    this.#pending.add(readback);
    void buffer.mapAsync(GPUMapMode.READ).then(readback.finish, () => {
      this.#pending.delete(readback);
      buffer.destroy();
    });
  }

  /**
   * Hands on what has come, within this call: for the end of a process, in which no promise is settled any more.
   *
   * @returns how many frames are still to come.
   */
  takeNow(): number {
    for (const readback of [...this.#pending]) {
      const { mapState } = readback.buffer;
      if (mapState === 'mapped') readback.finish();
      // Refused, or lost.
      else if (mapState === 'unmapped') this.#pending.delete(readback);
    }
    return this.#pending.size;
  }
}
