-- Numbers, names and records that all functions use. doc.go tells the schema.

-- What Redis and Lua offer. Nothing of it is there while the library is loaded, so that the first call looks it up.
local call, try, fmt, sub, match, pack, unpack_, spread, floor, max, min, insert, concat

local function setup()
  call, try, fmt, sub, match = redis.call, redis.pcall, string.format, string.sub, string.match
  pack, unpack_, spread = struct.pack, struct.unpack, unpack
  floor, max, min, insert, concat = math.floor, math.max, math.min, table.insert, table.concat
end

-- Kinds of queues, as Go numbers them, and what stands in the place of a dropped one.
local STANDARD, FIFO, LOG, DROPPED = 0, 1, 2, 255

-- EXCEEDED is queue.ExceededLease, NOISY queue.NoisyInFlight.
local EXCEEDED, NOISY = 10000, 30

-- PROMOTE bounds how many groups one call takes from waiting to ready, FORGET how many memories it clears.
local PROMOTE, FORGET = 1000, 20

-- HOLD is how long a message is hidden that is on its way to another shard: longer than anything takes that is going on.
local HOLD = 86400000

-- GONE is for how many seconds a dropped queue is remembered: longer than a node can hold a definition in error.
local GONE = 30 * 86400

-- Time, in milliseconds. "" is the server's, "+n" the server's and n more, anything else itself.
local function time_of(arg)
  if arg ~= '' and sub(arg, 1, 1) ~= '+' then
    return tonumber(arg)
  end
  local t = call('TIME')
  local ms = t[1] * 1000 + floor(t[2] / 1000)
  if arg ~= '' then
    ms = ms + tonumber(sub(arg, 2))
  end
  return ms
end

-- longer_by is by how much longer than it counts a token is kept: by the server's time its expiry and the time that it counts to are
-- the same, but by another, in tests, they are not.
local function longer_by(now_arg)
  if now_arg == '' or sub(now_arg, 1, 1) == '+' then return 60000 end
  return 86400000
end

local function hex(ms) return fmt('%011x', ms) end

-- A sequence number is 16 hexadecimal digits: 11 of milliseconds and 5 of a counter. It is also the message's ID in its
-- stream, written in another way. An even one lies in stream m, an odd one in n; all of a log lie in m.
local function entry_id(seq)
  return fmt('%d-%d', tonumber(sub(seq, 1, 11), 16), tonumber(sub(seq, 12), 16))
end

local function seq_of(id)
  if sub(id, 14, 14) == '-' then return fmt('%011x%05x', sub(id, 1, 13), sub(id, 15)) end -- of the years 2001 to 2286
  local ms, counter = match(id, '^(%d+)-(%d+)$')
  return fmt('%011x%05x', ms, counter)
end

local function seq_ms(seq) return tonumber(sub(seq, 1, 11), 16) end

local function is_plain(seq) return tonumber(sub(seq, 16), 16) % 2 == 0 end

-- many calls a command with a list of arguments, in pieces that fit Lua's stack. Returns the sum of the answers.
local function many(command, key, args)
  local sum = 0
  for from = 1, #args, 2000 do
    local r = call(command, key, spread(args, from, min(from + 1999, #args)))
    sum = sum + (tonumber(r) or 0)
  end
  return sum
end

-- The state of a queue, key s.
local STATE = '>BBi8i8I4i8i8i8i8i8i8c16i8i8i8Bi8i8i8i8i8i8'
local STATE_SIZE = 159
local STATE_VERSION = 1
local ZERO = '0000000000000000'

-- BROKEN is added to the kind of a queue that a call left when an error broke it off; see 25_rebuild.lua. touched are the queues
-- whose state the call has loaded, by base. reading says that it must not write, and untouched that it has not yet.
local BROKEN = 64
local touched, reading, untouched
local rebuild

local function corrupt(why) error({ err = 'SB CORRUPT ' .. why }) end

-- load_state returns the state of a queue, or nil if there is no such queue. kind is what the caller takes the queue for, nil if it
-- does not know.
local function load_state(base, now, kind)
  local raw = call('GET', base .. 's')
  touched[base] = true
  if not raw then
    if reading or call('EXISTS', base .. 'm', base .. 'n') == 0 then return nil end
    if not kind then corrupt(base .. 's is missing') end
    return rebuild(base, nil, kind, now)
  end
  local version, is = unpack_('>BB', raw)
  if version > STATE_VERSION and version < 32 then
    error({ err = 'SB NEWER ' .. version })
  end
  if version == STATE_VERSION and is == DROPPED then
    return { base = base, kind = DROPPED }
  end
  if version ~= STATE_VERSION or #raw ~= STATE_SIZE then corrupt(base .. 's is no state') end
  local st = { base = base, dead = {}, infos = {} }
  version, st.kind, st.clock, st.ms, st.counter, st.live, st.bytes, st.appended, st.acked, st.moved, st.expired, st.cursor,
    st.fresh, st.turn, st.idle, st.flip, st.grouped, st.leased, st.gleased, st.waiting, st.gwaiting, st.delay = unpack_(STATE, raw)
  if now > st.clock then
    st.clock = now
  end
  if st.kind >= BROKEN then
    st.kind = st.kind - BROKEN
    if not reading then return rebuild(base, st, st.kind, now) end
  end
  return st
end

local function new_state(base, kind, now)
  return {
    base = base, dead = {}, infos = {}, kind = kind, clock = now, ms = 0, counter = 0, live = 0, bytes = 0, appended = 0, acked = 0, moved = 0,
    expired = 0, cursor = ZERO, fresh = 0, turn = 0, idle = 0, flip = 0, grouped = 0, leased = 0, gleased = 0, waiting = 0,
    gwaiting = 0, delay = 0, new = true,
  }
end

-- shard_of is the hash tag that leads a queue's keys, and id_of the queue's ID, in hexadecimal.
local function shard_of(base) return match(base, '^{[^}]*}') end
local function id_of(base) return match(base, '^{[^}]*}:q([^:.]*)') end

local function save_state(st)
  call('SET', st.base .. 's', pack(STATE, STATE_VERSION, st.kind, st.clock, st.ms, st.counter, st.live, st.bytes, st.appended,
    st.acked, st.moved, st.expired, st.cursor, st.fresh, st.turn, st.idle, st.flip, st.grouped, st.leased, st.gleased, st.waiting,
    st.gwaiting, st.delay))
  if st.new then
    call('SADD', shard_of(st.base) .. ':queues', match(st.base, '^{[^}]*}:q([^:]*):'))
    st.new = nil
  end
end

-- next_seq returns a number that no earlier one of the queue reaches, even or odd. Partition n of a queue counts from n * 16384
-- on in each millisecond, so that no two partitions give the same number.
local function next_seq(st, plain)
  if st.clock > st.ms then
    st.first = st.first or tonumber(match(st.base, '%.(%x+):$') or 0, 16) * 16384
    st.ms, st.counter = st.clock, plain and st.first or st.first + 1
  else
    st.counter = st.counter + 1
    if (st.counter % 2 == 0) ~= plain then
      st.counter = st.counter + 1
    end
    if st.counter > 0xfffff then
      st.ms, st.counter = st.ms + 1, plain and 0 or 1
    end
  end
  return fmt('%011x%05x', st.ms, st.counter)
end

-- A message is an entry of two fields in its stream: h, what the functions need to know, and b, what only Go reads.
local HEADER = '>Bi8I4I4Bc0Bc0'
local AGED = 1 -- its Sent is not its place in time

local function pack_header(h)
  return pack(HEADER, h.flags, h.sent, h.size, h.length, #h.group, h.group, #h.key, h.key)
end

local function unpack_header(raw)
  local h = {}
  h.flags, h.sent, h.size, h.length, h.group, h.key = unpack_(HEADER, raw)
  return h
end

-- fetch reads a message: its header and its body, or nil.
local function fetch(st, seq)
  local id = entry_id(seq)
  local found = call('XRANGE', st.base .. ((st.kind == LOG or is_plain(seq)) and 'm' or 'n'), id, id)
  if #found == 0 then
    return nil
  end
  local f = found[1][2]
  return unpack_header(f[2]), f[4]
end

-- Streams are read in pages, and give messages whole, so that what a page costs is their bytes. PAGE bounds how many messages it
-- has, PAGE_BYTES about how much, and FIRST is how many are read of which nothing is known.
local PAGE, PAGE_BYTES, FIRST = 64, 4194304, 4

-- page_size returns how many messages to read next when so many bytes are wanted. It takes them to be as large as those of the queue
-- or those that the call has seen, so many of so many bytes, are in the mean, whichever is more; and it reads no more than that
-- call has seen, so that large ones behind small ones are not met with a large page at once.
local function page_size(st, seen, bytes, wanted)
  local each = max(1, st.live > 0 and st.bytes / st.live or 0, seen > 0 and bytes / seen or 0)
  return max(1, min(PAGE, max(FIRST, seen), floor(wanted / each) + 1))
end

-- What is known of a message besides, once it was received: hash i, by sequence.
local INFO = '>BI4i8c16i8I4Bc0Bc0I4c0'
local HELD, RELEASED, OLD, SENDING = 1, 2, 4, 8

local function pack_info(x)
  return pack(INFO, x.flags, x.receives, x.first, x.nonce, x.since, x.size, #x.group, x.group, #x.key, x.key, #x.state, x.state)
end

local function unpack_info(raw)
  if not raw then
    return nil
  end
  local x = {}
  x.flags, x.receives, x.first, x.nonce, x.since, x.size, x.group, x.key, x.state = unpack_(INFO, raw)
  return x
end

local function new_info(h)
  local flags = 0
  if h.flags % 2 == AGED then flags = OLD end
  return { flags = flags, receives = 0, first = 0, nonce = ZERO, since = 0, size = h.size, group = h.group, key = h.key, state = '' }
end

local function has(flags, bit) return floor(flags / bit) % 2 == 1 end

local function with(flags, bit, on)
  if has(flags, bit) == on then return flags end
  return on and flags + bit or flags - bit
end

-- stir wakes whoever waits for the queue, if something is, or will be, receivable at a time earlier than what was said when
-- the queue was last looked at: st.idle is that, 0 for never, and -1 if it was not looked at since the last waking. The queues of
-- one call are told of together.
local stirred, stirred_shard

local function stir(st, at)
  if st.idle >= 0 and (at <= st.clock or st.idle == 0 or at < st.idle) then
    insert(stirred, id_of(st.base))
    stirred_shard = shard_of(st.base)
    st.idle = -1
  end
end

local function first_score(key)
  local r = call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return r[2] and tonumber(r[2])
end
