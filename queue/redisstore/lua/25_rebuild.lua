-- Redis does not undo what a function wrote before an error. A call that an error breaks off marks the queues it worked on, and the
-- next call on each makes it whole again: from its messages, which are in m and n, and what i, l, L, w and W say of them, all else
-- is made anew. So a queue recovers when a key was overwritten and is deleted, and loses nothing but what was in that key. While a
-- key is of the wrong type each call fails. The cost grows with the number of messages: one to three seconds for 100,000, in which
-- the server does nothing else.

local TYPES = {
  m = 'stream', n = 'stream', i = 'hash', l = 'zset', L = 'zset', w = 'zset', W = 'zset', g = 'zset', t = 'zset', tt = 'hash', d = 'zset',
  y = 'zset', k = 'zset', o = 'zset', x = 'hash', xt = 'zset', a = 'hash', at = 'zset',
}

-- break_off marks a queue.
local function break_off(base)
  local raw = try('GET', base .. 's')
  if type(raw) ~= 'string' or #raw ~= STATE_SIZE then return end
  local version, kind = unpack_('>BB', raw)
  if version == STATE_VERSION and kind < BROKEN then try('SETRANGE', base .. 's', 1, pack('>B', kind + BROKEN)) end
end

-- catch_up takes over the last number that the streams gave, if it is later than what the state says.
local function catch_up(st)
  for _, stream in ipairs({ 'm', 'n' }) do
    local key = st.base .. stream
    if call('EXISTS', key) == 1 then
      local info = call('XINFO', 'STREAM', key)
      for i = 1, #info, 2 do
        if info[i] == 'last-generated-id' then
          local ms, counter = match(info[i + 1], '^(%d+)-(%d+)$')
          ms, counter = tonumber(ms), tonumber(counter)
          if ms > st.ms or ms == st.ms and counter > st.counter then st.ms, st.counter = ms, counter end
        end
      end
    end
  end
end

-- forget_strays removes what is said of messages that are not there, and returns the last of those that are in m and are not fresh.
local function forget_strays(st)
  local base, cursor = st.base, ZERO
  local function check(part, command, members)
    for i = 1, #members do
      local seq = members[i]
      if not fetch(st, seq) then
        call(command, base .. part, seq)
      elseif is_plain(seq) and seq > cursor then
        cursor = seq
      end
    end
  end
  for _, part in ipairs({ 'l', 'w', 'L', 'W' }) do check(part, 'ZREM', call('ZRANGE', base .. part, 0, -1)) end
  check('i', 'HDEL', call('HKEYS', base .. 'i'))
  return cursor
end

-- find_place puts a message where it belongs: one of which nobody knows more is receivable.
local function find_place(st, seq, h, groups)
  local base, free = st.base, h.group == ''
  if free and is_plain(seq) and seq > st.cursor then
    st.fresh = st.fresh + 1
    return
  end
  local l, w = base .. (free and 'l' or 'L'), base .. (free and 'w' or 'W')
  local deadline, due = call('ZSCORE', l, seq), call('ZSCORE', w, seq)
  if deadline and due then call('ZREM', w, seq) end
  if not deadline and not due then
    local x = unpack_info(call('HGET', base .. 'i', seq))
    if x and has(x.flags, SENDING) then
      deadline = st.clock + HOLD
    elseif x and has(x.flags, HELD) and not has(x.flags, RELEASED) then
      deadline = st.clock
    end
    if deadline then
      call('ZADD', l, deadline, seq)
    elseif free then
      call('ZADD', w, st.clock, seq)
    end
  end
  if not free then
    groups[h.group] = true
    local member = h.group .. seq
    if st.kind == STANDARD then
      member = tenant_member(h.group, deadline and '0' or '1', tonumber(deadline or due or seq_ms(seq)), seq)
    end
    call('ZADD', base .. 'g', 0, member)
  end
end

rebuild = function(base, st, kind, now)
  for part, want in pairs(TYPES) do
    local is = call('TYPE', base .. part).ok
    if is ~= 'none' and is ~= want then error({ err = 'WRONGTYPE ' .. base .. part .. ' is a ' .. is }) end
  end
  untouched = false
  st = st or new_state(base, kind, now)
  local before = st.live
  call('UNLINK', base .. 'g', base .. 't', base .. 'tt', base .. 'd', base .. 'y', base .. 'k', base .. 'o')
  catch_up(st)
  st.cursor, st.fresh, st.live, st.bytes = forget_strays(st), 0, 0, 0
  local groups = {}
  for _, stream in ipairs({ 'm', 'n' }) do
    local from, page, count = '-', nil, nil
    repeat
      count = page_size(st, st.live, st.bytes, PAGE_BYTES)
      page = call('XRANGE', base .. stream, from, '+', 'COUNT', count)
      for i = 1, #page do
        local seq, h = seq_of(page[i][1]), unpack_header(page[i][2][2])
        st.live, st.bytes = st.live + 1, st.bytes + h.size
        if h.key ~= '' then call('ZADD', base .. 'k', 0, h.key .. seq) end
        if h.flags % 2 == AGED then call('ZADD', base .. 'o', h.sent, seq) end
        if kind ~= LOG then find_place(st, seq, h, groups) end
        from = '(' .. page[i][1]
      end
    until #page < count
  end
  st.leased, st.gleased = call('ZCARD', base .. 'l'), call('ZCARD', base .. 'L')
  st.waiting, st.gwaiting = call('ZCARD', base .. 'w'), call('ZCARD', base .. 'W')
  st.grouped = call('ZCARD', base .. 'g')
  for group in pairs(groups) do
    if kind == FIFO then group_place(st, group) else tenant_place(st, group) end
  end
  for _, part in ipairs({ 'x', 'a' }) do
    call('UNLINK', base .. part .. 't')
    local all = call('HGETALL', base .. part)
    for i = 1, #all, 2 do call('ZADD', base .. part .. 't', unpack_('>i8', all[i + 1]), all[i]) end
  end
  st.idle, st.new = max(st.idle, 0), true
  stir(st, st.clock)
  save_state(st)
  redis.log(redis.LOG_WARNING, fmt('signalbox: queue %s was rebuilt: it counted %d messages and has %d', base, before, st.live))
  return st
end

-- sound says whether what the state counts is there. It does not see that t, d or y is missing.
local function sound(st)
  local base = st.base
  return st.live == call('XLEN', base .. 'm') + call('XLEN', base .. 'n') and st.leased == call('ZCARD', base .. 'l')
    and st.gleased == call('ZCARD', base .. 'L') and st.waiting == call('ZCARD', base .. 'w') and st.gwaiting == call('ZCARD', base .. 'W')
    and st.grouped == call('ZCARD', base .. 'g')
end

-- guarded runs f for one of several queues of a call, so that one that is broken does not keep the call from the others. Returns
-- whether it went well.
local function guarded(base, f)
  local ok = pcall(f)
  if not ok then break_off(base) end
  return ok
end
