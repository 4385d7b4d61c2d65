/*
 * Detaching of ArrayBuffers. What the program got from getMappedRange must be detached by unmap; its memory is
 * moved into an ArrayBuffer of our own, so that nothing is copied.
 */

interface Transferable extends ArrayBuffer {
  transfer?(): ArrayBuffer;
}

interface NodeProcess {
  getBuiltinModule?(name: 'node:worker_threads'): { markAsUntransferable?(object: object): void };
}

const { process } = globalThis as { process?: NodeProcess };

/** Up to this many bytes a copy costs less than a stream, where only streams can detach. */
const MOST_COPIED_BYTES = 65_536;

/** Detaches an ArrayBuffer that has bytes and gives them as a new one. @throws when it is detached already. */
type Move = (data: ArrayBuffer) => ArrayBuffer;

const moveAsAnyone: Move =
  (ArrayBuffer.prototype as Transferable).transfer === undefined
    ? (data) => structuredClone(data, { transfer: [data] })
    : (data) => (data as Required<Transferable>).transfer();

/** A stream that detaches what is put into it, in Node 20 also what is marked; what it hands on is dropped. */
interface Detacher {
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly controller: ReadableByteStreamController;
}

let detacher: Detacher | null = null;

/** Node's way to keep an ArrayBuffer out of transfer lists; browsers, and Node before 20.16, have none. */
const markAsUntransferable = process?.getBuiltinModule?.('node:worker_threads').markAsUntransferable;

const { marks, move } = chooseWay();

/**
 * How what is marked can be detached all the same: Node 20 has streams for that, Node 22 `transfer`. For Node 24 there is
 * no way: then nothing is marked while it is mapped.
 */
function chooseWay(): { readonly marks: boolean; readonly move: Move } {
  const byStream: Move = (data) =>
    data.byteLength <= MOST_COPIED_BYTES ? copyAndDetach(data) : moveThroughStream(data);
  for (const way of markAsUntransferable === undefined ? [] : [moveAsAnyone, byStream]) {
    const probe = new ArrayBuffer(8);
    markAsUntransferable?.(probe);
    try {
      if (way(probe).byteLength === 8 && probe.byteLength === 0) return { marks: true, move: way };
    } catch {
      // Not this way.
    }
  }
  return { marks: false, move: moveAsAnyone };
}

/** An ArrayBuffer for the program to have while its buffer is mapped: where that can be had, only `unmap` may detach it. */
export function handOut(data: ArrayBuffer): ArrayBuffer {
  if (marks && data.byteLength > 0) markAsUntransferable?.(data);
  return data;
}

/**
 * Detaches an ArrayBuffer and gives its contents as a new one, without copying much. When the program has detached it
 * itself, the result is empty.
 */
export function takeBack(data: ArrayBuffer): ArrayBuffer {
  const isMarked = marks && data.byteLength > 0;
  try {
    return isMarked ? move(data) : moveAsAnyone(data);
  } catch {
    // Detached already: there is nothing to take.
    return new ArrayBuffer(0);
  } finally {
    // Else Node would take it in transfer lists as an empty one, though it is detached.
    if (!isMarked) markAsUntransferable?.(data);
  }
}

function copyAndDetach(data: ArrayBuffer): ArrayBuffer {
  const own = data.slice(0);
  if (detacher === null) {
    const { stream, controller } = byteStream();
    detacher = { reader: stream.getReader(), controller };
  }
  void detacher.reader.read();
  detacher.controller.enqueue(new Uint8Array(data));
  return own;
}

function moveThroughStream(data: ArrayBuffer): ArrayBuffer {
  const { stream, controller } = byteStream();
  // A read into the bytes detaches them within the call, and shows the source where they are now. It is never answered.
  stream
    .getReader({ mode: 'byob' })
    .read(new Uint8Array(data))
    .catch(() => {});
  return controller.byobRequest!.view!.buffer as ArrayBuffer;
}

function byteStream(): { stream: ReadableStream<Uint8Array>; controller: ReadableByteStreamController } {
  let controller!: ReadableByteStreamController;
  const stream: ReadableStream<Uint8Array> = new ReadableStream({
    type: 'bytes',
    start: (own: ReadableByteStreamController) => {
      controller = own;
    },
  });
  return { stream, controller };
}
