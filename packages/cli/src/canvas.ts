import { accessSync, constants, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type CanvasFrame, createCanvasGlobals, FrameReadbacks } from '@dxgwire/guest/webgpu';
import { CommandFailure, describe } from './errors.ts';
import { encodePng } from './png.ts';

export interface CanvasRun {
  /** Folder for the pictures; undefined: they are dropped. */
  readonly folder: string | undefined;
  /** The run ends when this many frames were drawn, and saved if they are; undefined: when the program ends. */
  readonly frameLimit: number | undefined;
  /** Ends the run. */
  readonly end: () => void;
}

/**
 * Makes a folder and those above it. Not by `recursive`: where the system refuses a folder as if the one above it were
 * missing, as under /proc, Node then tries for ever.
 */
function makeFolder(folder: string): void {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found?.isDirectory() === false) throw new Error(`${folder} is a file`);
  if (found !== undefined) return;
  const above = dirname(resolve(folder));
  if (above !== resolve(folder)) makeFolder(above);
  mkdirSync(folder);
}

/**
 * Gives this process `OffscreenCanvas` and animation frames, and saves what the program draws as
 * `frame-NNNNN.png`, or `canvas-C-frame-NNNNN.png` for further canvases.
 *
 * @returns the frames that are not saved yet.
 * @throws CommandFailure when there cannot be such a folder, or nothing be written there.
 */
export function installCanvas({ folder, frameLimit, end }: CanvasRun): FrameReadbacks {
  const readbacks = new FrameReadbacks();
  if (folder !== undefined) {
    try {
      makeFolder(folder);
    } catch (error) {
      throw new CommandFailure(`cannot make the folder ${folder}: ${describe(error)}`);
    }
    try {
      accessSync(folder, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw new CommandFailure(`cannot write in the folder ${folder}: ${describe(error)}`);
    }
  }
  let frames = 0;
  const count = (): void => {
    frames += 1;
    if (frames === frameLimit) end();
  };
  const isOver = (): boolean => frameLimit !== undefined && frames >= frameLimit;
  const globals = createCanvasGlobals(
    folder === undefined
      ? { onPresent: count }
      : {
          readbacks,
          onFrame: (frame, canvas) => {
            if (isOver()) return;
            saveFrame(folder, frame, canvas);
            count();
          },
        },
  );
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, enumerable: false, writable: true });
  }
  return readbacks;
}

function saveFrame(folder: string, frame: CanvasFrame, canvas: number): void {
  const number = String(frame.index).padStart(5, '0');
  const file = join(folder, `${canvas === 0 ? '' : `canvas-${canvas}-`}frame-${number}.png`);
  try {
    writeFileSync(file, encodePng(frame.width, frame.height, pixelsOf(frame)));
  } catch (error) {
    throw new CommandFailure(`cannot write ${file}: ${describe(error)}`);
  }
}

/** A frame as an image file has it: red first, 8 bits each, alpha not multiplied in. */
export function pixelsOf({ format, alphaMode, data }: CanvasFrame): Uint8Array {
  const pixels = format === 'rgba16float' ? fromHalfFloats(data) : data.slice();
  for (let at = 0; at < pixels.length; at += 4) {
    if (format === 'bgra8unorm') {
      const blue = pixels[at]!;
      pixels[at] = pixels[at + 2]!;
      pixels[at + 2] = blue;
    }
    const alpha = pixels[at + 3]!;
    if (alphaMode === 'opaque') {
      pixels[at + 3] = 255;
    } else if (alpha > 0 && alpha < 255) {
      for (let color = at; color < at + 3; color++) {
        pixels[color] = Math.min(255, Math.round((pixels[color]! * 255) / alpha));
      }
    }
  }
  return pixels;
}

/** Half-precision numbers as 8 bits each; what is outside 0 to 1 is brought to its ends. */
function fromHalfFloats(data: Uint8Array): Uint8Array {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const pixels = new Uint8Array(data.length / 2);
  for (let index = 0; index < pixels.length; index++) {
    const half = view.getUint16(index * 2, true);
    const exponent = (half >> 10) & 31;
    const mantissa = half & 0x3ff;
    let size = exponent === 0 ? mantissa / 2 ** 24 : (1 + mantissa / 1024) * 2 ** (exponent - 15);
    if (exponent === 31) size = mantissa === 0 ? 1 : 0;
    pixels[index] = half >= 0x8000 ? 0 : Math.round(Math.min(1, size) * 255);
  }
  return pixels;
}
