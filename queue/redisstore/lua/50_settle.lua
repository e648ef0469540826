-- find returns what is known of a message by its sequence: nil if there is none, else its info (nil if it was never received) and
-- its header (nil if it was).
local function find(st, seq)
  if st.dead[seq] then return nil end
  local raw = st.infos[seq]
  if raw then
    st.infos[seq] = nil -- it is about to change
  else
    raw = call('HGET', st.base .. 'i', seq)
  end
  if raw then return true, unpack_info(raw) end
  local h = fetch(st, seq)
  if not h then return nil end
  return true, nil, h
end

-- prefetch reads at once what is known of the messages of a queue: those that are acknowledged, and nothing else.
local function prefetch(argv, states, now)
  local seqs = {}
  local i = 2
  while i <= #argv do
    if argv[i + 3] == '0' then
      local list = seqs[argv[i]]
      if not list then
        list = {}
        seqs[argv[i]] = list
      end
      insert(list, argv[i + 1])
    end
    i = i + 8 + ENTRY * tonumber(argv[i + 7])
  end
  for base, list in pairs(seqs) do
    local st = #list > 1 and #list <= 1000 and state_of(states, base, now)
    if st and st.kind ~= DROPPED then
      local raw = call('HMGET', base .. 'i', spread(list))
      for n = 1, #list do
        if raw[n] then st.infos[list[n]] = raw[n] end
      end
    end
  end
end

-- lease_of returns the deadline of a message's last lease, or 0.
local function lease_of(st, x, seq)
  return tonumber(call('ZSCORE', st.base .. (x.group == '' and 'l' or 'L'), seq) or 0)
end

-- good says whether a receipt may end a lease: true, 'EXPIRED' or, if the message is gone, 'GONE'. ack says that the message is to
-- be removed.
local function good(st, seq, nonce, ack)
  local there, x, h = find(st, seq)
  if not there then return 'GONE' end
  if x and has(x.flags, SENDING) then return 'GONE' end -- it is on its way to another queue
  local group = x and x.group or h and h.group
  local latest = x and has(x.flags, HELD) and not has(x.flags, RELEASED) and x.nonce == nonce
  if st.kind == FIFO and group ~= '' then
    if not latest or lease_of(st, x, seq) <= st.clock then return 'EXPIRED' end
  elseif not ack and not latest then
    return 'EXPIRED'
  end
  return true, x or new_info(h)
end

local function release(st, seq, x, till, keep, state)
  local base = st.base
  till = max(till, st.clock)
  x.flags = with(x.flags, RELEASED, true)
  if keep == '0' then x.state = state end
  if x.group == '' then
    if st.leased > 0 then st.leased = st.leased - call('ZREM', base .. 'l', seq) end
    st.waiting = st.waiting + call('ZADD', base .. 'w', till, seq)
    stir(st, till)
  elseif st.kind == FIFO then
    if st.gleased > 0 then st.gleased = st.gleased - call('ZREM', base .. 'L', seq) end
    if till > st.clock then st.gwaiting = st.gwaiting + call('ZADD', base .. 'W', till, seq) end
    group_place(st, x.group)
  else
    call('ZREM', base .. 'g', tenant_locate(st, x.group, seq))
    if st.gleased > 0 then st.gleased = st.gleased - call('ZREM', base .. 'L', seq) end
    st.gwaiting = st.gwaiting + call('ZADD', base .. 'W', till, seq)
    call('ZADD', base .. 'g', 0, tenant_member(x.group, '1', till, seq))
    tenant_place(st, x.group)
  end
  call('HSET', base .. 'i', seq, pack_info(x))
end

-- A settlement takes these arguments: base, sequence, nonce, action, and by action: for 1 (release) after how long, 1 to keep the
-- state, the state; for 2 (move) three that are not used; then how many entries follow: the message's new place if it is a
-- move, then the record. A move's entry has before it 1 to keep what is known of the message.
--
-- settle: now, settlements. Returns for each: 'OK', 'GONE', 'EXPIRED', 'KIND' or 'DROPPED' with the ID; then the sequence of the
-- message in its new place, or ''; then ID, sequence and duplicate of the record, or '', '' and 0.
local function settle(keys, argv)
  local now = time_of(argv[1])
  local states, out = {}, {}
  untouched = true
  do
    local i = 2
    while i <= #argv do
      state_of(states, argv[i], now)
      local n = tonumber(argv[i + 7])
      i = i + 8
      for _ = 1, n do
        state_of(states, argv[i], now, tonumber(argv[i + 1]))
        i = i + ENTRY
      end
    end
  end
  untouched = false
  if #argv > 9 then prefetch(argv, states, now) end
  -- Acknowledgements are collected, by queue.
  local gone = {}
  local i = 2
  while i <= #argv do
    local base, seq, nonce, action = argv[i], argv[i + 1], argv[i + 2], argv[i + 3]
    local after, keep, state, n = argv[i + 4], argv[i + 5], argv[i + 6], tonumber(argv[i + 7])
    i = i + 8
    local entries, bad = {}, nil
    for e = 1, n do
      entries[e] = read_entry(argv, i, now)
      i = i + ENTRY
      local to = state_of(states, entries[e].base, now, entries[e].kind)
      if to and to.kind == DROPPED then bad = 'DROPPED ' .. id_of(entries[e].base) end
      if to and to.kind ~= DROPPED and to.kind ~= entries[e].kind then bad = 'KIND' end
    end
    local st = state_of(states, base, now)
    local what, x = 'GONE', nil
    if st and st.kind == LOG then
      what = 'KIND'
    elseif st and st.kind ~= DROPPED then
      what, x = good(st, seq, nonce, action == '0')
    end
    if what == true then what = bad or 'OK' end
    local place, id, record, duplicate = '', '', '', 0
    if what == 'OK' then
      local e = 1
      if action == '1' then
        release(st, seq, x, now + tonumber(after), keep, state)
      elseif action == '0' and x.group == '' and has(x.flags, HELD) then
        st.dead[seq] = true
        local g = gone[st]
        if not g then
          g = { m = {}, n = {}, i = {}, l = {}, w = {}, k = {}, o = {} }
          gone[st] = g
        end
        insert(is_plain(seq) and g.m or g.n, entry_id(seq))
        insert(g.i, seq)
        insert(has(x.flags, RELEASED) and g.w or g.l, seq)
        if x.key ~= '' then insert(g.k, x.key .. seq) end
        if has(x.flags, OLD) then insert(g.o, seq) end
        st.live, st.bytes, st.acked = st.live - 1, st.bytes - x.size, st.acked + 1
      else
        drop_message(st, seq, x)
        if action == '0' then
          st.acked = st.acked + 1
        else
          st.moved = st.moved + 1
          local to = entries[1]
          if keep == '1' then to.info = x end
          place = push(state_for(states, to.base, to.kind, now), to)
          e = 2
        end
      end
      if entries[e] then
        local log = state_for(states, entries[e].base, entries[e].kind, now)
        id, record, duplicate = push_entry(log, entries[e])
      end
    end
    insert(out, what)
    insert(out, place)
    insert(out, id)
    insert(out, record)
    insert(out, duplicate)
  end
  for st, g in pairs(gone) do
    local base = st.base
    if #g.m > 0 then many('XDEL', base .. 'm', g.m) end
    if #g.n > 0 then many('XDEL', base .. 'n', g.n) end
    if #g.i > 0 then many('HDEL', base .. 'i', g.i) end
    if #g.l > 0 then st.leased = st.leased - many('ZREM', base .. 'l', g.l) end
    if #g.w > 0 then st.waiting = st.waiting - many('ZREM', base .. 'w', g.w) end
    if #g.k > 0 then many('ZREM', base .. 'k', g.k) end
    if #g.o > 0 then many('ZREM', base .. 'o', g.o) end
  end
  save_all(states)
  return out
end

-- extend: now, then base, sequence, nonce, visibility and the longest total, or 0, of each. Returns 'OK', 'NOTINFLIGHT', 'EXPIRED'
-- or 'LIMIT' for each.
local function extend(keys, argv)
  local now = time_of(argv[1])
  local states, out = {}, {}
  for i = 2, #argv, 5 do
    local base, seq, nonce = argv[i], argv[i + 1], argv[i + 2]
    local visibility, total = tonumber(argv[i + 3]), tonumber(argv[i + 4])
    local st = state_of(states, base, now)
    local what = 'NOTINFLIGHT'
    if st and st.kind == LOG then
      what = 'KIND'
    elseif st and st.kind ~= DROPPED then
      local there, x = find(st, seq)
      if there and x and has(x.flags, HELD) and not has(x.flags, RELEASED) and not has(x.flags, SENDING) and x.nonce == nonce then
        local deadline = lease_of(st, x, seq)
        if st.kind == FIFO and x.group ~= '' and deadline <= st.clock then
          what = 'EXPIRED'
        elseif visibility > 0 and total > 0 and st.clock + visibility > x.since + total then
          what = 'LIMIT'
        else
          what, deadline = 'OK', st.clock + visibility
          if x.group == '' then
            st.leased = st.leased + call('ZADD', base .. 'l', deadline, seq)
            stir(st, deadline)
          elseif st.kind == FIFO then
            st.gleased = st.gleased + call('ZADD', base .. 'L', deadline, seq)
            group_place(st, x.group)
          else
            call('ZREM', base .. 'g', tenant_locate(st, x.group, seq))
            st.gleased = st.gleased + call('ZADD', base .. 'L', deadline, seq)
            call('ZADD', base .. 'g', 0, tenant_member(x.group, '0', deadline, seq))
            tenant_place(st, x.group)
          end
        end
      end
    end
    insert(out, what)
  end
  save_all(states)
  return out
end

-- read: base and sequence of each message. Returns sent, header group and key, and blob of each, or '' three times.
local function read(keys, argv)
  local out, states = {}, {}
  for i = 1, #argv, 2 do
    local st = state_of(states, argv[i], 0)
    local h, blob
    if st and st.kind ~= DROPPED then h, blob = fetch(st, argv[i + 1]) end
    insert(out, h and fmt('%d', h.sent) or '')
    insert(out, h and h.group or '')
    insert(out, h and blob or '')
  end
  return out
end
