-- keep_seq gives an entry of a log the sequence that it has in another store, if no earlier one of the queue reaches that.
local function keep_seq(st, seq)
  if not seq or st.kind ~= LOG or seq <= fmt('%011x%05x', st.ms, st.counter) then return nil end
  st.ms, st.counter = seq_ms(seq), tonumber(sub(seq, 12), 16)
  return seq
end

-- put adds an entry to one of the streams and returns its sequence, which is kept if it can be. A stream refuses a number below its
-- last one, of which the state may know nothing if it was rebuilt or a call was broken off.
local function put(st, plain, h, blob, kept)
  for last = 0, 1 do
    local seq = keep_seq(st, kept) or next_seq(st, plain)
    h.flags = h.sent ~= st.ms and AGED or 0
    local r = try('XADD', st.base .. (plain and 'm' or 'n'), entry_id(seq), 'h', pack_header(h), 'b', blob)
    if type(r) ~= 'table' then return seq end
    if last == 1 or not match(r.err, 'equal or smaller') then error(r) end
    catch_up(st)
  end
end

-- push adds one message. e has group, key (hashes, may be empty), delay, sent (nil for now), size, length, blob, info for one that
-- was received before, in another queue, till for one that waits until then even in a group of a FIFO queue (or 0), and seq for
-- keep_seq. Returns its sequence.
local function push(st, e)
  local base, clock = st.base, st.clock
  local grouped = e.group ~= '' and st.kind ~= LOG
  local due = clock
  if e.delay > 0 and st.kind ~= LOG and not (grouped and st.kind == FIFO) then due = clock + e.delay end
  if st.kind ~= LOG then due = max(due, e.till) end
  local plain = st.kind == LOG or not (grouped or due > clock or e.info)
  local h = { sent = e.sent or clock, size = e.size, length = e.length, group = grouped and e.group or '', key = e.key }
  local seq = put(st, plain, h, e.blob, e.seq)
  if h.flags == AGED then call('ZADD', base .. 'o', h.sent, seq) end
  if e.info and st.kind ~= LOG then
    local x = new_info(h)
    x.receives, x.first, x.state = e.info.receives, e.info.first, e.info.state
    call('HSET', base .. 'i', seq, pack_info(x))
  end
  st.live, st.bytes, st.appended = st.live + 1, st.bytes + e.size, st.appended + 1
  if e.key ~= '' then
    call('ZADD', base .. 'k', 0, e.key .. seq)
  end
  if plain then
    if st.kind ~= LOG then
      st.fresh = st.fresh + 1
      stir(st, clock)
    end
  elseif not grouped then
    st.waiting = st.waiting + call('ZADD', base .. 'w', due, seq)
    stir(st, due)
  elseif st.kind == FIFO then
    st.grouped = st.grouped + 1
    call('ZADD', base .. 'g', 0, e.group .. seq)
    if due > clock then st.gwaiting = st.gwaiting + call('ZADD', base .. 'W', due, seq) end
    if sub(group_first(st, e.group, 1)[1], #e.group + 1) == seq then
      group_place(st, e.group)
    end
  else
    st.grouped = st.grouped + 1
    call('ZADD', base .. 'g', 0, tenant_member(e.group, '1', due, seq))
    if due > clock then
      st.gwaiting = st.gwaiting + call('ZADD', base .. 'W', due, seq)
      if call('HEXISTS', base .. 'tt', e.group) == 0 then
        call('ZADD', base .. 'd', 'LT', due, e.group)
        stir(st, due)
      end
    elseif call('HEXISTS', base .. 'tt', e.group) == 0 then
      tenant_in(st, e.group, seq)
      stir(st, clock)
    end
  end
  return seq
end

-- An entry takes these arguments: base, kind, delay, deduplication hash, its window, group hash, key hash, sent or "", size,
-- length of the body, what is known of it as pack_known writes it or "", blob. The blob begins with the message's ID, 16 bytes.
local ENTRY = 12

local function pack_known(x) return pack('>I4i8I4c0', x.receives, x.first, #x.state, x.state) end

-- unpack_known returns what is known of a message, nil if it was never received; for how long it is to wait; and the sequence that it
-- has. The last two are in what putPrior writes in Go.
local function unpack_known(raw)
  if raw == '' then return nil, 0, nil end
  local x, at = {}, nil
  x.receives, x.first, x.state, at = unpack_('>I4i8I4c0', raw)
  local wait, seq = 0, nil
  if at + 7 <= #raw then wait = unpack_('>i8', raw, at) end
  if at + 23 <= #raw then seq = sub(raw, at + 8, at + 23) end
  if x.receives == 0 and x.first == 0 and x.state == '' then x = nil end
  return x, wait, seq
end

local function read_entry(argv, i, now)
  local info, wait, seq = unpack_known(argv[i + 10])
  return {
    base = argv[i], kind = tonumber(argv[i + 1]), delay = tonumber(argv[i + 2]), dedup = argv[i + 3], window = tonumber(argv[i + 4]),
    group = argv[i + 5], key = argv[i + 6], sent = tonumber(argv[i + 7]), size = tonumber(argv[i + 8]), length = tonumber(argv[i + 9]),
    info = info, till = wait > 0 and now + wait or 0, seq = seq, blob = argv[i + 11],
  }
end

-- states are those of the queues of one call.
local function state_of(states, base, now, kind)
  local st = states[base]
  if st == nil then
    st = load_state(base, now, kind) or false
    states[base] = st
  end
  return st
end

local function state_for(states, base, kind, now)
  local st = state_of(states, base, now, kind)
  if not st then
    st = new_state(base, kind, now)
    states[base] = st
  end
  return st
end

local function save_all(states)
  for _, st in pairs(states) do
    if st and st.kind ~= DROPPED then save_state(st) end
  end
end

-- push_entry pushes an entry unless it is a duplicate. Returns ID, sequence and 1 for a duplicate.
local function push_entry(st, e)
  if e.dedup ~= '' then
    local known = call('HGET', st.base .. 'x', e.dedup)
    if known then
      local till, seq, message = unpack_('>i8c16c16', known)
      if st.clock < till then return message, seq, 1 end
    end
  end
  local seq = push(st, e)
  local message = sub(e.blob, 1, 16)
  if e.dedup ~= '' then
    local base, till = st.base, st.clock + e.window
    local old = call('ZRANGEBYSCORE', base .. 'xt', '-inf', st.clock, 'LIMIT', 0, FORGET)
    if #old > 0 then
      call('HDEL', base .. 'x', spread(old))
      call('ZREM', base .. 'xt', spread(old))
    end
    call('HSET', base .. 'x', e.dedup, pack('>i8c16c16', till, seq, message))
    call('ZADD', base .. 'xt', till, e.dedup)
  end
  return message, seq, 0
end

-- alive: base and kind of each queue. Fails if one was dropped or is of another kind.
local function alive(keys, argv)
  for i = 1, #argv, 2 do
    local st = load_state(argv[i], 0)
    if st and st.kind == DROPPED then return redis.error_reply('SB DROPPED ' .. id_of(argv[i])) end
    if st and st.kind ~= tonumber(argv[i + 1]) then return redis.error_reply('SB KIND') end
  end
  return 'OK'
end

-- append: now, token key or "", window, digest, entries. Returns repeated (0 or 1), then ID, sequence and duplicate of each.
local function append(keys, argv)
  local now = time_of(argv[1])
  local token, window, digest = argv[2], tonumber(argv[3]), argv[4]
  if token ~= '' then
    local known = call('GET', token)
    if known then
      local till, first, list = unpack_('>i8I4c0I4c0', known)
      if now < till then
        if first ~= digest then return redis.error_reply('SB TOKEN') end
        call('PEXPIRE', token, till - now + longer_by(argv[1])) -- a write, so that the wait for replicas covers it
        local out = { 1 }
        for i = 1, #list, 33 do
          insert(out, sub(list, i, i + 15))
          insert(out, sub(list, i + 16, i + 31))
          insert(out, tonumber(sub(list, i + 32, i + 32)))
        end
        return out
      end
    end
  end
  local states, entries = {}, {}
  untouched = true
  for i = 5, #argv, ENTRY do
    local e = read_entry(argv, i, now)
    local st = state_for(states, e.base, e.kind, now)
    if st.kind == DROPPED then return redis.error_reply('SB DROPPED ' .. id_of(e.base)) end
    if st.kind ~= e.kind then return redis.error_reply('SB KIND') end
    insert(entries, e)
  end
  untouched = false
  local out, list = { 0 }, {}
  for i = 1, #entries do
    local message, seq, duplicate = push_entry(states[entries[i].base], entries[i])
    insert(out, message)
    insert(out, seq)
    insert(out, duplicate)
    if token ~= '' then insert(list, message .. seq .. duplicate) end
  end
  if token ~= '' then
    local all = concat(list)
    call('SET', token, pack('>i8I4c0I4c0', now + window, #digest, digest, #all, all), 'PX', window + longer_by(argv[1]))
  end
  save_all(states)
  return out
end
