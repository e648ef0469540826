-- show adds a message as it lies in its queue to out: sequence, sent, receives, first, state, status, due, key, blob.
local function show(st, out, seq, h, blob)
  local base = st.base
  local x = st.kind ~= LOG and unpack_info(call('HGET', base .. 'i', seq)) or nil
  local status, due = 0, 0
  if st.kind ~= LOG and not (is_plain(seq) and not x) then
    local free = h.group == ''
    local deadline = tonumber(call('ZSCORE', base .. (free and 'l' or 'L'), seq) or 0)
    local wait = tonumber(call('ZSCORE', base .. (free and 'w' or 'W'), seq) or 0)
    if deadline > st.clock then
      status, due = 2, deadline
    elseif wait > st.clock then
      status, due = 1, wait
    end
  end
  insert(out, seq)
  insert(out, fmt('%d', h.sent))
  insert(out, x and x.receives or 0)
  insert(out, fmt('%d', x and x.first or 0))
  insert(out, x and x.state or '')
  insert(out, status)
  insert(out, fmt('%d', due))
  insert(out, h.key)
  insert(out, blob)
end

-- get: now, base, key hash, limit, after (a sequence or ""). Returns now, the sequence after which there may be more or "", and what
-- show adds.
local function get(keys, argv)
  local now = time_of(argv[1])
  local st = load_state(argv[2], now)
  local out = { fmt('%d', now), '' }
  if not st or st.kind == DROPPED then return out end
  local key, limit, after = argv[3], tonumber(argv[4]), argv[5]
  local members = call('ZRANGEBYLEX', st.base .. 'k', (after == '' and '[' or '(') .. key .. after, '[' .. key .. '~', 'LIMIT', 0, limit)
  local read = 0
  for i = 1, #members do
    local seq = sub(members[i], #key + 1)
    local h, blob = fetch(st, seq)
    if h then
      show(st, out, seq, h, blob)
      read = read + #blob
    end
    if read >= PAGE_BYTES or i == limit then
      out[2] = seq
      break
    end
  end
  return out
end

-- scan: now, base, from, until (a sequence each, the second exclusive or ""), limit, max bytes, kind. Returns now, 1 if there is more, and
-- what show adds.
local function scan(keys, argv)
  local now = time_of(argv[1])
  local st = load_state(argv[2], now)
  local out = { fmt('%d', now), 0 }
  if not st or st.kind == DROPPED then return out end
  if argv[7] and st.kind ~= tonumber(argv[7]) then return redis.error_reply('SB KIND') end
  local till = argv[4] == '' and '+' or '(' .. entry_id(argv[4])
  local limit, max_bytes = tonumber(argv[5]), tonumber(argv[6])
  if max_bytes <= 0 then max_bytes = nil end
  local count, bytes, read = 0, 0, 0 -- bytes are those of the bodies, read those of the messages
  -- Two streams are merged, of which one may be empty.
  local function reader(stream)
    local s = {}
    local from, at, page, done = entry_id(argv[3]), 1, {}, false
    function s.peek()
      if not page[at] and not done then
        local step = min(limit + 1 - count, page_size(st, count, read, (max_bytes or PAGE_BYTES + bytes) - bytes))
        page = call('XRANGE', st.base .. stream, from, till, 'COUNT', step)
        at, done = 1, #page < step
        if #page > 0 then from = '(' .. page[#page][1] end
      end
      return page[at] and seq_of(page[at][1])
    end
    function s.take()
      local f = page[at][2]
      at = at + 1
      return unpack_header(f[2]), f[4]
    end
    return s
  end
  local m, n = reader('m'), st.kind ~= LOG and reader('n') or nil
  while true do
    local a, b = m.peek(), n and n.peek()
    local seq, from = a, m
    if b and (not a or b < a) then seq, from = b, n end
    if not seq then break end
    if count == limit then
      out[2] = 1
      break
    end
    local h, blob = from.take()
    if count > 0 and max_bytes and bytes + h.length > max_bytes then
      out[2] = 1
      break
    end
    count, bytes, read = count + 1, bytes + h.length, read + #blob
    show(st, out, seq, h, blob)
  end
  return out
end

-- stats: now, bases. Returns for each: ready, delayed, in flight, bytes, oldest sent, first and last sequence of a log, and the
-- four counters.
local function stats(keys, argv)
  local now = time_of(argv[1])
  local out = { fmt('%d', now) }
  for i = 2, #argv do
    local base = argv[i]
    local st = load_state(base, now)
    if not st or st.kind == DROPPED then
      for _ = 1, 11 do insert(out, '0') end
    else
      local after = '(' .. fmt('%d', st.clock)
      local delayed = call('ZCOUNT', base .. 'w', after, '+inf') + call('ZCOUNT', base .. 'W', after, '+inf')
      local flying = call('ZCOUNT', base .. 'l', after, '+inf') + call('ZCOUNT', base .. 'L', after, '+inf')
      local oldest, first = nil, nil
      for _, stream in ipairs({ 'm', 'n' }) do
        local head = call('XRANGE', base .. stream, '-', '+', 'COUNT', 1)[1]
        if head then
          local seq = seq_of(head[1])
          if not first or seq < first then first = seq end
          local ms = seq_ms(seq)
          if not oldest or ms < oldest then oldest = ms end
        end
      end
      local aged = first_score(base .. 'o')
      if aged and (not oldest or aged < oldest) then oldest = aged end
      insert(out, fmt('%d', st.live - delayed - flying))
      insert(out, fmt('%d', delayed))
      insert(out, fmt('%d', flying))
      insert(out, fmt('%d', st.bytes))
      insert(out, fmt('%d', oldest or 0))
      insert(out, st.kind == LOG and (first or '') or '0')
      insert(out, st.kind == LOG and fmt('%011x%05x', st.ms, st.counter) or '0')
      insert(out, fmt('%d', st.appended))
      insert(out, fmt('%d', st.acked))
      insert(out, fmt('%d', st.moved))
      insert(out, fmt('%d', st.expired))
    end
  end
  return out
end

-- ready: now, bases. Returns now, then 1 if something is receivable and else 0, and when it will be or 0, of each. Those of which
-- nothing is will tell when that changes. A broken queue is said to have something, so that somebody finds out.
local function ready(keys, argv)
  local now = time_of(argv[1])
  local out = { fmt('%d', now) }
  for i = 2, #argv do
    local is, at = false, 0
    local ok = guarded(argv[i], function()
      local st = load_state(argv[i], now)
      if st and st.kind ~= DROPPED and st.kind ~= LOG then
        is, at = look(st)
        if not is and st.idle ~= at then
          st.idle = at
          save_state(st)
        end
      end
    end)
    if not ok then is, at = true, 0 end
    insert(out, is and 1 or 0)
    insert(out, fmt('%d', at))
  end
  return out
end
