/** The part of the dissector that reads the tables. It is Lua as Wireshark 3 and 4 have it, without libraries. */
export const DISSECTOR_LUA = `-- Wireshark dissector for dxgwire captures. Generated from the command table: do not edit.
local proto = Proto("dxgwire", "dxgkrnl over VMBus")
local values, P = {}, {}
@VALUES@
@FIELDS@
local f = proto.fields
for number, field in ipairs(P) do f["p" .. number] = field end
f.direction = ProtoField.uint8("dxgwire.direction", "Direction", base.DEC, {[0]="to the host", [1]="to the guest"})
f.kind = ProtoField.uint8("dxgwire.kind", "Packet", base.DEC, {[6]="in-band", [11]="completion"})
f.channel = ProtoField.uint16("dxgwire.channel", "Channel")
f.flags = ProtoField.uint32("dxgwire.packet_flags", "Packet flags", base.HEX)
f.id = ProtoField.uint64("dxgwire.id", "Transaction id")
f.command = ProtoField.string("dxgwire.command", "Command")
f.command_offset = ProtoField.uint32("dxgwire.extended.command_offset", "Extended header: offset of the command")
f.luid = ProtoField.uint64("dxgwire.extended.luid", "Extended header: LUID of the virtual GPU", base.HEX)
f.command_id = ProtoField.uint64("dxgwire.header.command_id", "Command id")
f.process = ProtoField.uint32("dxgwire.header.process", "Process", base.HEX)
f.channel_type = ProtoField.uint8("dxgwire.header.channel_type", "Channel type", base.DEC, {[0]="virtual GPU", [1]="global", [2]="host"})
f.async = ProtoField.uint8("dxgwire.header.async", "Wants no answer", base.DEC)
f.number = ProtoField.uint32("dxgwire.header.command_type", "Command number")
f.request_in = ProtoField.framenum("dxgwire.request_in", "Answers the message in", base.NONE, frametype.REQUEST)
f.answer_in = ProtoField.framenum("dxgwire.answer_in", "Answered in", base.NONE, frametype.RESPONSE)
f.time = ProtoField.double("dxgwire.time", "Seconds from the message to its answer")
f.failed = ProtoField.string("dxgwire.failed", "Failed")
f.list = ProtoField.none("dxgwire.list", "List")
f.element = ProtoField.none("dxgwire.element", "Element")
f.beyond = ProtoField.string("dxgwire.beyond", "Beyond the end")

-- Commands: channel, number, name, how failure is told, and the layouts {nodes, fixed, tails} of request, reply, and old:
-- the reply to a guest that knows no extended header. Nodes begin with kind, name, field, offset:
--   s scalar: size           S status: size            a array: size of an element, count
--   t UTF-16 text: size      b bytes: size             x bits: size of the unit, shift, width
-- o union: where the number is that selects (offset, unit, shift, width), field of unknown contents, offset, size, mask (0: none), nodes by value, other nodes
-- Tails: kind, name, field or nodes, size of an element, count, and for e: name, field and size field of bytes of its own.
-- Counts: f field, f1 field but at least 1, l as a tail has or none (by length), r r1 rc of the request, rc if a flag is set.
local rows = {
@COMMANDS@
}
local by_key = {}
for _, row in ipairs(rows) do by_key[row[1] .. row[2]] = row end

local function last_part(name) return name:match("[^%.]*$") end

-- One message: buffer, end, and the values of its fields by name.
local Reader = {}
Reader.__index = Reader

function Reader:fits(tree, name, at, size)
  if at >= 0 and size >= 0 and at + size <= self.buffer:len() then return true end
  tree:add(f.beyond, name):set_generated()
  return false
end

function Reader:node(tree, node, base)
  local kind, name = node[1], node[2]
  if kind == "o" then return self:union(tree, node, base) end
  local field, at, size = P[node[3]], base + node[4], node[5]
  if kind == "a" then
    if not self:fits(tree, name, at, size * node[6]) then return end
    for i = 0, node[6] - 1 do tree:add_le(field, self.buffer(at + i * size, size)) end
    return
  end
  if not self:fits(tree, name, at, size) then return end
  local range = self.buffer(at, size)
  if kind == "s" or kind == "S" then
    tree:add_le(field, range)
    if size <= 4 then self.values[name] = range:le_uint() end
    if kind == "S" then self.status = range:le_uint() end
  elseif kind == "x" then
    local value
    if size <= 4 then value = math.floor(range:le_uint() / 2 ^ node[6]) % 2 ^ node[7]
    else
      value = range:le_uint64():rshift(node[6])
      if node[7] <= 32 then value = math.floor(value:tonumber() % 2 ^ node[7]) end
    end
    if type(value) == "number" then value = math.floor(value) self.values[name] = value end
    tree:add(field, range, value)
  elseif kind == "t" then
    local used = 0
    while used + 2 <= size and self.buffer(at + used, 2):le_uint() ~= 0 do used = used + 2 end
    tree:add(field, range, used > 0 and self.buffer(at, used):le_ustring() or "")
  else
    tree:add(field, range)
  end
end

function Reader:union(tree, node, base)
  local at, size, mask = base + node[4], node[5], node[6]
  local place = node[2]
  if not self:fits(tree, "union", base + place[1], place[2]) then return end
  local selector = math.floor(self.buffer(base + place[1], place[2]):le_uint() / 2 ^ place[3]) % 2 ^ place[4]
  if mask > 0 then selector = math.floor(selector / mask) % 2 end
  -- A whole number as a key, also where Lua tells them from others.
  local chosen = node[7][math.floor(selector)] or node[8]
  if chosen then for _, each in ipairs(chosen) do self:node(tree, each, base) end
  elseif self:fits(tree, "union", at, size) then tree:add(P[node[3]], self.buffer(at, size)) end
end

function Reader:count(rule, counts, left)
  local kind, name = rule[1], rule[2]
  local own, asked = self.values[name] or 0, (self.request or {})[name] or 0
  if kind == "f" then return own end
  if kind == "f1" then return math.max(own, 1) end
  if kind == "l" then return left >= 8 * counts[name] and counts[name] or 0 end
  if kind == "r" then return asked end
  if kind == "r1" then return math.max(asked, 1) end
  if ((self.request or {})[rule[3]] or 0) ~= 0 then return asked end
  return 1
end

function Reader:list(tree, tail, at, count)
  local kind, name, size = tail[1], tail[2], tail[4]
  if kind == "b" then tree:add(P[tail[3]], self.buffer(at, count)) return end
  local list = tree:add(f.list, self.buffer(at, count * size)):set_text(name .. ": " .. count)
  for i = 0, count - 1 do
    local place = self.buffer(at + i * size, size)
    if kind == "w" then list:add_le(P[tail[3]], place):prepend_text("[" .. i .. "] ")
    else
      local element = list:add(f.element, place):set_text(name .. "[" .. i .. "]")
      for _, node in ipairs(tail[3]) do self:node(element, node, at + i * size) end
      if tail[6] then table.insert(self.owned, {tail, element, i, self.values[tail[8]] or 0}) end
    end
  end
end

function Reader:read(tree, layout, base)
  for _, node in ipairs(layout.nodes) do self:node(tree, node, base) end
  local at, counts = base + layout.fixed, {}
  for _, tail in ipairs(layout.tails) do
    local count = self:count(tail[5], counts, self.buffer:len() - at)
    counts[tail[2]] = count
    if count > 0 then
      if not self:fits(tree, tail[2], at, count * tail[4]) then return end
      self:list(tree, tail, at, count)
      at = at + count * tail[4]
    end
  end
  for _, entry in ipairs(self.owned) do
    local tail, element, index, size = entry[1], entry[2], entry[3], entry[4]
    if size > 0 then
      if not self:fits(tree, tail[6], at, size) then return end
      element:add(P[tail[7]], self.buffer(at, size)):prepend_text("[" .. index .. "] ")
      at = at + size
    end
  end
end

local function read(tree, buffer, layout, base, request)
  local reader = setmetatable({buffer = buffer, values = {}, owned = {}, request = request}, Reader)
  reader:read(tree, layout, base)
  local names = {}
  for name, value in pairs(reader.values) do names[last_part(name)] = value end
  return reader, names
end

-- Messages that wait for an answer, by channel and id; answers by frame. Numbers may be used again.
local waiting, answers, request_of = {}, {}, {}
function proto.init() waiting, answers, request_of = {}, {}, {} end

local function failure_of(row, reader, length, layout)
  if reader.status and reader.status >= 0x80000000 then
    return values.NtStatus[reader.status] or string.format("0x%08x", reader.status)
  end
  if row[4] == "short-reply" and length < layout.fixed then return "short reply" end
  if row[4] == "zero-handle" then
    for _, node in ipairs(layout.nodes) do
      if node[1] == "s" and node[5] == 4 then return reader.values[node[2]] == 0 and "no handle" or nil end
    end
  end
end

local function answer(buffer, pinfo, root, key)
  local number = pinfo.number
  if not pinfo.visited then
    request_of[number] = waiting[key]
    if waiting[key] then answers[waiting[key].frame] = number end
    waiting[key] = nil
  end
  local found = request_of[number]
  local name = found and found.row[3] or "unknown"
  root:add(f.command, name):set_generated()
  local info = name .. " answered"
  if found then
    root:add(f.request_in, found.frame):set_generated()
    root:add(f.time, (pinfo.abs_ts - found.time)):set_generated()
    local layouts = found.row[5]
    local layout = not found.is_extended and layouts.old or layouts.reply
    if layout then
      local tree = buffer:len() > 16 and root:add(proto, buffer(16), name .. " answer") or root
      local failed
      if buffer:len() - 16 < layout.fixed and found.row[4] == "short-reply" then failed = "short reply"
      else
        local reader = read(tree, buffer, layout, 16, found.names)
        failed = failure_of(found.row, reader, buffer:len() - 16, layout)
      end
      if failed then
        root:add(f.failed, failed):set_generated()
        info = info .. ": " .. failed
      end
    end
  end
  pinfo.cols.info = info
end

local function message(buffer, pinfo, root, key, direction)
  local at = 16
  local is_extended = direction == 0 and buffer:len() >= 32 and buffer(16, 4):le_uint() == 16
  if is_extended then
    root:add_le(f.command_offset, buffer(16, 4)) root:add_le(f.luid, buffer(24, 8))
    at = 32
  end
  if buffer:len() < at + 20 then pinfo.cols.info = "short message" return end
  local channel_type, number = buffer(at + 12, 1):uint(), buffer(at + 16, 4):le_uint()
  local channel = direction == 1 and "host" or (channel_type == 0 and "vgpu" or "global")
  local row = by_key[channel .. number]
  local name = row and row[3] or ("command " .. number)
  root:add(f.command, name):set_generated()
  pinfo.cols.info = name
  local tree = root:add(proto, buffer(at), name)
  tree:add_le(f.command_id, buffer(at, 8)) tree:add_le(f.process, buffer(at + 8, 4))
  tree:add_le(f.channel_type, buffer(at + 12, 1))
  if channel ~= "global" then tree:add(f.async, buffer(at + 13, 1), buffer(at + 13, 1):uint() % 2) end
  tree:add_le(f.number, buffer(at + 16, 4))
  if not row then return end
  local _, names = nil, {}
  if row[5].request then _, names = read(tree, buffer, row[5].request, at) end
  if direction == 0 and buffer(8, 8):le_uint64() ~= UInt64(0) then
    if not pinfo.visited then
      waiting[key] = {frame = pinfo.number, row = row, names = names, time = pinfo.abs_ts, is_extended = is_extended}
    elseif answers[pinfo.number] then root:add(f.answer_in, answers[pinfo.number]):set_generated() end
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
  if kind == 11 then answer(buffer, pinfo, root, key) else message(buffer, pinfo, root, key, direction) end
  return buffer:len()
end
DissectorTable.get("wtap_encap"):add(wtap.USER0, proto)
`;
