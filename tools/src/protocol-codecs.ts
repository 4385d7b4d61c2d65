/** The page about the forms that a message can have, in this package and in other languages. */
export const codecsPage = `# Codecs

One table describes every message. From it follow:

| form | for | where |
| --- | --- | --- |
| packed, values | everything: byte-exact with the Linux driver, 64-bit numbers as \`bigint\` | \`commands.x.request\`, \`.reply\` |
| packed, pairs | hot paths: 64-bit numbers as two of 32 bits, one value read into again and again | \`pairCodec(commands.x.request)\` |
| packed, in place | hot paths that need some fields of a packet | \`accessor(commands.x)\` |
| protobuf | peers in other languages, and evolution | \`@dxgwire/protocol/protobuf\`, \`dxgwire.proto\` |
| C | peers in C and C++: structures, offsets and constants of the packed form | \`dxgwire_protocol.h\` |

All check lengths and counts before they read or allocate, and throw a \`ProtocolError\` for what is no message. All work where code may not be generated from strings (a browser's content security policy); the packed ones are then slower.

## Pairs

\`\`\`ts
const codec = pairCodec(commands.submitCommandToHwQueue.request);
const value = codec.create();
codec.decodeInto(view, offset, length, value); // the same object each time
const address = [value.args.commandBufferLow, value.args.commandBufferHigh];
codec.encode(value, view, offset);
\`\`\`

A field \`x\` of 64 bits is \`xLow\` and \`xHigh\`; a list of 64-bit numbers is a \`Uint32Array\` of low and high halves in turns. Nothing is allocated while lists keep their length and byte tails their place in the buffer; a byte tail at another place costs one view. Lists of structures and unions of structures are made anew. What a value held before the next \`decodeInto\` must not be kept. The codec keeps the last buffers that it saw from being collected.

\`pnpm bench --only codec\` measures it; [what it compares](../benchmarks.md#what-codec-compares). For a command of numbers (MapGpuVirtualAddress, 112 bytes) encoding and decoding takes 0.7 to 0.8 of the time of straight-line code through a DataView, and 0.5 to 0.6 read in place; protobufjs (with \`fixed64\` and its \`Long\`) takes 20 to 35 times as long, msgpackr 40 or more. Where bytes make up the message (SubmitCommandToHwQueue, 40 of 96) all copy the same bytes: as long as straight-line code, 0.7 of it in place; then protobufjs takes 10 to 13 times as long, 15 to 18 where fields are read in place, msgpackr 25 or more. The form with \`bigint\` takes 0.8 to 1.2 of the time of straight-line code with \`bigint\`, and about twice as long as pairs.

## Protobuf

\`protobufCodec(commands.x)\` gives \`request\` and \`reply\` with \`encode(value): Uint8Array\` and \`decode(bytes)\`; the values are those of the packed codec. \`dxgwire.proto\` is generated, and its field numbers are frozen by a test: fields of the fixed part count from 1, lists from 100, alternatives of unions from 201. Lists carry their own lengths, so no count appears twice, and a reply can be read without its request.

A packet on a link in protobuf form is a \`DxgMessage\`: a header (process, virtual GPU, one-way or not, interface version) and a body. What has no protobuf form travels as packed bytes in it: commands without a known layout, and replies shorter than demanded, by which some commands fail. A guest asks for it when it connects; \`startDriver\` and a host's \`attach\` then speak it:

\`\`\`ts
const bus = await connect(url, { codecs: ['protobuf', 'packed'] }); // in order of preference
bus.codec; // what the host chose
const driver = await startDriver(bus);
\`\`\`

The bytes behind the packed forms on both sides are the same, but for those without a meaning: what lies behind the last list, reserved bits, the place of the command header, and the length of data that a reply repeats. A program that uses a bus in another way wraps it with \`protobufGuestBus\` or \`protobufHostBus\`. The wrappers cost a copy and two conversions for each packet on each side; bulk data in guest memory and the device window is not touched. A message in protobuf form must fit into a packet (131,072 bytes) as well: some that just do so in packed form, or that are lists of large numbers, are refused with an error.
`;
