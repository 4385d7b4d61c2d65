import { type CommandDef, commands, type ScalarType, type ValueNode } from '@dxgwire/protocol';

interface LuaField {
  readonly path: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

/** The fixed part of a message as fields of up to eight bytes; longer ones are bytes. */
function fieldsOf(nodes: readonly ValueNode[], base: number, prefix: string, into: LuaField[]): void {
  for (const node of nodes) {
    if (node.node === 'field') {
      const at = base + node.offset;
      const { type } = node;
      if (type.kind === 'struct') fieldsOf(type.nodes, at, `${prefix}${node.key}.`, into);
      else into.push({ path: `${prefix}${node.key}`, offset: at, sizeBytes: sizeOf(type) });
    } else if (node.node === 'count') {
      into.push({ path: `${prefix}${node.key}`, offset: base + node.offset, sizeBytes: 4 });
    } else if (node.node === 'bits') {
      const { byteOffset, shift, unitBytes } = node.placement;
      // The first bit-field of a unit stands for all of it.
      if (shift === 0)
        into.push({ path: `${prefix}${node.key}...`, offset: base + byteOffset, sizeBytes: unitBytes });
    }
  }
}

function sizeOf(type: ScalarType | { readonly sizeBytes: number }): number {
  return type.sizeBytes;
}

function luaFields(
  codec: { readonly message: { readonly struct: { readonly nodes: readonly ValueNode[] } } } | null,
): string {
  if (codec === null) return '{}';
  const fields: LuaField[] = [];
  fieldsOf(codec.message.struct.nodes, 0, '', fields);
  return `{${fields.map(({ offset, path, sizeBytes }) => `{"${path}",${offset},${sizeBytes}}`).join(',')}}`;
}

/** A dissector for Wireshark, from the command table: names and the fixed fields of every message and answer. */
export function wiresharkDissector(): string {
  const rows: string[] = [];
  for (const def of Object.values(commands) as CommandDef[]) {
    // A message to the VM begins with a header of 24 bytes, one to a virtual GPU too: offsets count from it.
    rows.push(
      `  {"${def.channel}",${def.id},"${def.name}",${luaFields(def.request)},${luaFields(def.reply)}},`,
    );
  }
  return LUA.replace('@COMMANDS@', rows.join('\n'));
}

const LUA = `-- Wireshark dissector for dxgwire captures. Generated from the command table: do not edit.
local proto = Proto("dxgwire", "dxgkrnl over VMBus")
local f = proto.fields
f.direction = ProtoField.uint8("dxgwire.direction", "Direction", base.DEC, {[0]="to the host", [1]="to the guest"})
f.kind = ProtoField.uint8("dxgwire.kind", "Packet", base.DEC, {[6]="in-band", [11]="completion"})
f.channel = ProtoField.uint16("dxgwire.channel", "Channel")
f.flags = ProtoField.uint32("dxgwire.flags", "Flags", base.HEX)
f.id = ProtoField.uint64("dxgwire.id", "Transaction id")
f.command = ProtoField.string("dxgwire.command", "Command")
f.process = ProtoField.uint32("dxgwire.process", "Process", base.HEX)
f.answered = ProtoField.framenum("dxgwire.request_in", "Answers the message in")
f.u8 = ProtoField.uint8("dxgwire.u8", "Value", base.HEX)
f.u16 = ProtoField.uint16("dxgwire.u16", "Value", base.HEX)
f.u32 = ProtoField.uint32("dxgwire.u32", "Value", base.HEX)
f.u64 = ProtoField.uint64("dxgwire.u64", "Value", base.HEX)
f.bytes = ProtoField.bytes("dxgwire.bytes", "Bytes")
local rows = {
@COMMANDS@
}
local by_key = {}
for _, row in ipairs(rows) do by_key[row[1] .. row[2]] = row end
local by_size = {[1]=f.u8, [2]=f.u16, [4]=f.u32, [8]=f.u64}
local requests = {}
local function add_fields(tree, buffer, base, list)
  for _, field in ipairs(list) do
    local at, size = base + field[2], field[3]
    if at + size <= buffer:len() then
      local item = by_size[size]
      if item then tree:add_le(item, buffer(at, size)):prepend_text(field[1] .. ": ")
      else tree:add(f.bytes, buffer(at, size)):prepend_text(field[1] .. ": ") end
    end
  end
end
function proto.dissector(buffer, pinfo, tree)
  if buffer:len() < 16 then return 0 end
  pinfo.cols.protocol = "DXGWIRE"
  local direction, kind = buffer(0, 1):uint(), buffer(1, 1):uint()
  local root = tree:add(proto, buffer())
  root:add(f.direction, buffer(0, 1)) root:add(f.kind, buffer(1, 1))
  root:add_le(f.channel, buffer(2, 2)) root:add_le(f.flags, buffer(4, 4)) root:add_le(f.id, buffer(8, 8))
  local key = buffer(2, 2):le_uint() .. "/" .. tostring(buffer(8, 8):le_uint64())
  pinfo.cols.src = direction == 0 and "guest" or "host"
  pinfo.cols.dst = direction == 0 and "host" or "guest"
  if kind == 11 then
    -- A number may be used again: the latest message before this frame is meant.
    local found
    for _, each in ipairs(requests[key] or {}) do if each.frame < pinfo.number then found = each end end
    local name = found and found.row[3] or "unknown"
    root:add(f.command, name)
    pinfo.cols.info = name .. " answered"
    if found then
      root:add(f.answered, found.frame)
      add_fields(root:add(proto, buffer(16), name .. " answer"), buffer, 16, found.row[5])
    end
    return buffer:len()
  end
  local at = 16
  if direction == 0 and buffer:len() >= 32 and buffer(16, 4):le_uint() == 16 then at = 32 end
  if buffer:len() < at + 24 then pinfo.cols.info = "short message" return buffer:len() end
  local channel_type, number = buffer(at + 12, 1):uint(), buffer(at + 16, 4):le_uint()
  local channel = direction == 1 and "host" or (channel_type == 0 and "vgpu" or "global")
  local row = by_key[channel .. number] or by_key["global" .. number]
  local name = row and row[3] or ("command " .. number)
  root:add(f.command, name)
  root:add_le(f.process, buffer(at + 8, 4))
  pinfo.cols.info = name
  if row then
    if not pinfo.visited then
      requests[key] = requests[key] or {}
      table.insert(requests[key], {frame = pinfo.number, row = row})
    end
    add_fields(root:add(proto, buffer(at), name), buffer, at, row[4])
  end
  return buffer:len()
end
DissectorTable.get("wtap_encap"):add(wtap.USER0, proto)
`;
