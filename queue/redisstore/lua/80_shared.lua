-- What several nodes, and several slots, need besides.

-- once: now, key, window, digest, results. The record of an append to several slots under one token: without results it is
-- written when the append begins, with them when it has ended. Returns the results of one that has ended, "P" if another has begun
-- before, or "".
local function once(keys, argv)
  local now, key, window, digest, results = time_of(argv[1]), argv[2], tonumber(argv[3]), argv[4], argv[5]
  local known = call('GET', key)
  if known then
    local till, first, list = unpack_('>i8I4c0I4c0', known)
    if now < till then
      if first ~= digest then return redis.error_reply('SB TOKEN') end
      if list ~= '' or results == '' then
        call('PEXPIRE', key, till - now + longer_by(argv[1]))
        return list ~= '' and list or 'P'
      end
      call('SET', key, pack('>i8I4c0I4c0', till, #digest, digest, #results, results), 'PX', till - now + longer_by(argv[1]))
      return ''
    end
  end
  call('SET', key, pack('>i8I4c0I4c0', now + window, #digest, digest, #results, results), 'PX', window + longer_by(argv[1]))
  return ''
end

-- done: now, key, digest. Returns the results of an append that has ended, or "", and changes nothing.
local function done(keys, argv)
  local known = call('GET', argv[2])
  if not known then return '' end
  local till, first, list = unpack_('>i8I4c0I4c0', known)
  if time_of(argv[1]) >= till then return '' end
  if first ~= argv[3] then return redis.error_reply('SB TOKEN') end
  return list
end

-- The outbox. What a settlement puts into queues of other slots is appended there under a token, in between hold and finish or
-- cancel. Meanwhile the message is SENDING: leased, and nothing can be done with it. Hash o holds, by token, what is to be done,
-- and set ot the tokens by when they were held, so that it can be finished after a crash.

-- pass moves the cursor to a message beyond it, which was received before but by a receive that is lost. Those between, which were
-- lost with it or not, become waiting ones.
local function pass(st, seq)
  local from, page = '(' .. entry_id(st.cursor), nil
  repeat
    page = call('XRANGE', st.base .. 'm', from, '(' .. entry_id(seq), 'COUNT', 200)
    for i = 1, #page do
      local other = seq_of(page[i][1])
      st.fresh, st.waiting = st.fresh - 1, st.waiting + call('ZADD', st.base .. 'w', seq_ms(other), other)
      from = '(' .. page[i][1]
    end
  until #page < 200
  st.fresh, st.cursor = st.fresh - 1, seq
end

-- hold: now, then base, sequence, nonce, action, after, keep, state, token and plan of each. Returns for each 'OK', 'GONE' or
-- 'EXPIRED', and what is known of the message, for its new place.
local function hold(keys, argv)
  local now = time_of(argv[1])
  local states, out = {}, {}
  for i = 2, #argv, 9 do
    local base, seq, action, token = argv[i], argv[i + 1], argv[i + 3], argv[i + 7]
    local st = state_of(states, base, now)
    local what, x = 'GONE', nil
    if st and st.kind == LOG then
      what = 'KIND'
    elseif st and st.kind ~= DROPPED then
      what, x = good(st, seq, argv[i + 2], action == '0')
    end
    local known = ''
    if what == true then
      what, known = 'OK', pack_known(x)
      local deadline = lease_of(st, x, seq)
      local till = now + tonumber(argv[i + 4])
      x.flags = with(x.flags, SENDING, true)
      call('HSET', base .. 'i', seq, pack_info(x))
      local to = st.clock + HOLD
      if x.group == '' then
        if is_plain(seq) and seq > st.cursor then pass(st, seq) end
        if st.waiting > 0 then st.waiting = st.waiting - call('ZREM', base .. 'w', seq) end
        st.leased = st.leased + call('ZADD', base .. 'l', to, seq)
      elseif st.kind == FIFO then
        st.gleased = st.gleased + call('ZADD', base .. 'L', to, seq)
        group_place(st, x.group)
      else
        call('ZREM', base .. 'g', tenant_locate(st, x.group, seq))
        if st.gwaiting > 0 then st.gwaiting = st.gwaiting - call('ZREM', base .. 'W', seq) end
        st.gleased = st.gleased + call('ZADD', base .. 'L', to, seq)
        call('ZADD', base .. 'g', 0, tenant_member(x.group, '0', to, seq))
        tenant_place(st, x.group)
      end
      local o = shard_of(base) .. ':o'
      call('HSET', o, token, pack('>I4c0c16i8ci8cI4c0I4c0', #base, base, seq, deadline, action, till, argv[i + 5], #argv[i + 6], argv[i + 6],
        #argv[i + 8], argv[i + 8]))
      call('ZADD', o .. 't', now, token)
    end
    insert(out, what)
    insert(out, known)
  end
  save_all(states)
  return out
end

-- accept: now, window, how many tokens have been of use and these, then token and entry of each. An entry whose token was seen within
-- the window is not appended again. Returns 'OK', 'KIND' or 'DROPPED' with the ID, and ID, sequence and duplicate, of each. With a
-- window of 0 it only says what would be; the ID is empty if the token is new. Tokens that have been of use are kept for SPENT
-- more, for a node that is still at what another one has ended.
local SPENT = 600000
local function accept(keys, argv)
  local now, window = time_of(argv[1]), tonumber(argv[2])
  local first = 4 + tonumber(argv[3])
  for i = 4, first - 1 do call('PEXPIRE', argv[i], SPENT) end
  local states, out = {}, {}
  for i = first, #argv, ENTRY + 1 do
    local token, e = argv[i], read_entry(argv, i + 1, now)
    local known = call('GET', token)
    local what, message, seq, duplicate = 'OK', '', '', 0
    if known then
      message, seq, duplicate = sub(known, 1, 16), sub(known, 17, 32), tonumber(sub(known, 33))
      if window > 0 then call('PEXPIRE', token, window) end
    else
      local st = state_of(states, e.base, now, e.kind)
      if st and st.kind == DROPPED then
        what = 'DROPPED ' .. id_of(e.base)
      elseif st and st.kind ~= e.kind then
        what = 'KIND'
      elseif window > 0 then
        message, seq, duplicate = push_entry(state_for(states, e.base, e.kind, now), e)
        call('SET', token, message .. seq .. duplicate, 'PX', window)
      end
    end
    insert(out, what)
    insert(out, message)
    insert(out, seq)
    insert(out, duplicate)
  end
  save_all(states)
  return out
end

local function held(shard, token)
  local raw = call('HGET', shard .. ':o', token)
  if not raw then return nil end
  local h = {}
  h.base, h.seq, h.deadline, h.action, h.till, h.keep, h.state, h.plan = unpack_('>I4c0c16i8ci8cI4c0I4c0', raw)
  return h
end

local function unhold(shard, token)
  call('HDEL', shard .. ':o', token)
  call('ZREM', shard .. ':ot', token)
end

-- finish: now, shard, tokens. Does what was held for. Returns how many were still held.
local function finish(keys, argv)
  local now, shard = time_of(argv[1]), argv[2]
  local states, n = {}, 0
  for i = 3, #argv do
    local h = held(shard, argv[i])
    local st = h and state_of(states, h.base, now)
    if st and st.kind ~= DROPPED then
      local there, x = find(st, h.seq)
      if there and x then
        x.flags = with(x.flags, SENDING, false)
        if h.action == '1' then
          release(st, h.seq, x, h.till, h.keep, h.state)
        else
          drop_message(st, h.seq, x)
          if h.action == '0' then
            st.acked = st.acked + 1
          else
            st.moved = st.moved + 1
          end
        end
      end
    end
    if h then
      unhold(shard, argv[i])
      n = n + 1
    end
  end
  save_all(states)
  return n
end

-- cancel: now, shard, tokens. Gives held messages back to their leases.
local function cancel(keys, argv)
  local now, shard = time_of(argv[1]), argv[2]
  local states = {}
  for i = 3, #argv do
    local h = held(shard, argv[i])
    local st = h and state_of(states, h.base, now)
    if st and st.kind ~= DROPPED then
      local there, x = find(st, h.seq)
      if there and x then
        local base, deadline = h.base, max(h.deadline, 1)
        x.flags = with(x.flags, SENDING, false)
        call('HSET', base .. 'i', h.seq, pack_info(x))
        if x.group == '' then
          call('ZADD', base .. 'l', deadline, h.seq)
          stir(st, deadline)
        elseif st.kind == FIFO then
          call('ZADD', base .. 'L', deadline, h.seq)
          group_place(st, x.group)
        else
          call('ZREM', base .. 'g', tenant_locate(st, x.group, h.seq))
          call('ZADD', base .. 'L', deadline, h.seq)
          call('ZADD', base .. 'g', 0, tenant_member(x.group, '0', deadline, h.seq))
          tenant_place(st, x.group)
        end
      end
    end
    if h then unhold(shard, argv[i]) end
  end
  save_all(states)
  return 'OK'
end

-- outbox: now, shard, age, how many to skip, limit. Returns tokens that are held for longer than age, and for each its plan and what is known of the
-- message.
local function outbox(keys, argv)
  local shard = argv[2]
  local before = time_of(argv[1]) - tonumber(argv[3])
  local tokens = call('ZRANGEBYSCORE', shard .. ':ot', '-inf', before, 'LIMIT', argv[4], argv[5])
  local out = {}
  for i = 1, #tokens do
    local h = held(shard, tokens[i])
    if h then
      local x = unpack_info(call('HGET', h.base .. 'i', h.seq))
      insert(out, tokens[i])
      insert(out, h.plan)
      insert(out, x and pack_known(x) or '')
    end
  end
  return out
end

-- lease: key, holder, ttl. Returns 1 if holder has it now.
local function lease(keys, argv)
  local key, holder, ttl = argv[1], argv[2], tonumber(argv[3])
  local now = call('GET', key)
  if now and now ~= holder then return 0 end
  if now then ttl = max(ttl, call('PTTL', key)) end
  call('SET', key, holder, 'PX', ttl)
  return 1
end

local function unlease(keys, argv)
  if call('GET', argv[1]) == argv[2] then call('DEL', argv[1]) end
  return 'OK'
end

-- permit: now, key, rate, burst, how many, or less than zero to give some back. Returns now, how many were granted, and when there is
-- another.
local function permit(keys, argv)
  local now, key = time_of(argv[1]), argv[2]
  local rate, burst, n = tonumber(argv[3]), tonumber(argv[4]), tonumber(argv[5])
  local tokens, last = burst, now
  local raw = call('GET', key)
  if raw then tokens, last = unpack_('>di8', raw) end
  local clock = max(now, last)
  -- A server's clock that was far ahead must not stop everything until it is reached.
  if argv[1] == '' and last - now > 60000 then clock = now end
  tokens = min(burst, tokens + max(clock - last, 0) / 1000 * rate)
  local granted, at = 0, 0
  if n < 0 then
    tokens = min(burst, tokens - n)
  else
    -- What rounding took from a whole permit is not waited for.
    granted = min(n, floor(tokens + 1e-9))
    tokens = tokens - granted
    if granted == 0 then at = now + max(1, math.ceil((1 - tokens) / rate * 1000 - 1e-6)) end
  end
  call('SET', key, pack('>di8', tokens, clock), 'PX', math.ceil(burst / rate * 1000) + 86400000)
  return { fmt('%d', now), granted, fmt('%d', at) }
end

-- The definitions. Hash cat holds records by table and name, deleted ones as traces; set catrev has the revision of each, and set
-- catgone that of traces. Hash catmeta has revision, last (ID) and floor: the highest revision of which a trace was forgotten. Hash
-- catmarks has for the last revisions a text that nobody guesses: after a failover that lost some, other sets of changes may have
-- their numbers.
local TRACES, MARKS = 16000, 1000

local function catalog_meta(shard)
  local m = call('HMGET', shard .. ':catmeta', 'revision', 'last', 'floor')
  return tonumber(m[1] or 0), m[2] or '0', tonumber(m[3] or 0)
end

-- commit: shard, revision, last ID, mark, then table and name, record and 1 for a deleted one, of each.
local function commit(keys, argv)
  local shard, revision = argv[1], tonumber(argv[2])
  local current, _, low = catalog_meta(shard)
  if current + 1 ~= revision then return redis.error_reply('SB CONFLICT') end
  for i = 5, #argv, 3 do
    local name = argv[i]
    call('HSET', shard .. ':cat', name, argv[i + 1])
    call('ZADD', shard .. ':catrev', revision, name)
    if argv[i + 2] == '1' then
      call('ZADD', shard .. ':catgone', revision, name)
    else
      call('ZREM', shard .. ':catgone', name)
    end
  end
  local over = call('ZCARD', shard .. ':catgone') - TRACES
  if over > 0 then
    local old = call('ZPOPMIN', shard .. ':catgone', min(over, 1000))
    for i = 1, #old, 2 do
      call('HDEL', shard .. ':cat', old[i])
      call('ZREM', shard .. ':catrev', old[i])
      low = max(low, tonumber(old[i + 1]))
    end
  end
  call('HSET', shard .. ':catmarks', argv[2], argv[4])
  call('HDEL', shard .. ':catmarks', fmt('%d', revision - MARKS))
  call('HSET', shard .. ':catmeta', 'revision', revision, 'last', argv[3], 'floor', low)
  call('SPUBLISH', shard .. ':wake', '@' .. argv[2])
  return 'OK'
end

-- restore: shard, revision or 0, last ID, then table and name, record and its revision, of each. Only into an empty catalog; with
-- revision 0 it stays one, so that more can follow.
local function restore(keys, argv)
  local shard = argv[1]
  if catalog_meta(shard) ~= 0 then return redis.error_reply('SB CONFLICT') end
  for i = 4, #argv, 3 do
    call('HSET', shard .. ':cat', argv[i], argv[i + 1])
    call('ZADD', shard .. ':catrev', argv[i + 2], argv[i])
  end
  if argv[2] ~= '0' then
    call('HSET', shard .. ':catmeta', 'revision', argv[2], 'last', argv[3], 'floor', argv[2])
    call('SPUBLISH', shard .. ':wake', '@' .. argv[2])
  end
  return 'OK'
end

-- changes: shard, since, limit. Returns revision, last ID, floor, the marks of since and of the revision or "", up to which revision
-- this is, and table and name and record of each:
-- all of a revision or none, at least one revision.
local function changes(keys, argv)
  local shard, limit = argv[1], tonumber(argv[3])
  local revision, last, low = catalog_meta(shard)
  local marks = call('HMGET', shard .. ':catmarks', argv[2], fmt('%d', revision))
  local out = { fmt('%d', revision), last, fmt('%d', low), marks[1] or '', marks[2] or '', fmt('%d', revision) }
  local page = call('ZRANGEBYSCORE', shard .. ':catrev', '(' .. argv[2], '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
  local names = {}
  local cut = #page == 2 * limit and page[#page] or nil
  for i = 1, #page, 2 do
    if page[i + 1] ~= cut then insert(names, page[i]) end
  end
  if cut then
    if #names == 0 then
      names = call('ZRANGEBYSCORE', shard .. ':catrev', cut, cut)
      out[6] = cut
    else
      out[6] = page[2 * #names]
    end
  end
  for i = 1, #names do
    insert(out, names[i])
    insert(out, call('HGET', shard .. ':cat', names[i]))
  end
  return out
end

-- Nodes. Set nodes has until when each is taken to be alive, hash noderev the revision of definitions it has.

-- beat: shard, node, revision, ttl. Returns the revision there is.
local function beat(keys, argv)
  local shard, node = argv[1], argv[2]
  local now = time_of('')
  local old = call('ZRANGEBYSCORE', shard .. ':nodes', '-inf', now)
  for i = 1, #old do
    call('ZREM', shard .. ':nodes', old[i])
    call('HDEL', shard .. ':noderev', old[i])
  end
  if argv[4] == '0' then
    call('ZREM', shard .. ':nodes', node)
    call('HDEL', shard .. ':noderev', node)
  else
    call('ZADD', shard .. ':nodes', now + tonumber(argv[4]), node)
    call('HSET', shard .. ':noderev', node, argv[3])
  end
  return fmt('%d', (catalog_meta(shard)))
end

-- behind: shard, revision, node. Returns how many nodes other than that are alive and do not have the revision.
local function behind(keys, argv)
  local shard, revision = argv[1], tonumber(argv[2])
  local n = 0
  local nodes = call('ZRANGEBYSCORE', shard .. ':nodes', '(' .. fmt('%d', time_of('')), '+inf')
  for i = 1, #nodes do
    if nodes[i] ~= argv[3] and tonumber(call('HGET', shard .. ':noderev', nodes[i]) or 0) < revision then n = n + 1 end
  end
  return n
end

-- queues: shard. Returns those that hold something, as the hexadecimal text of their IDs, with ".n" for partition n.
local function queues(keys, argv) return call('SMEMBERS', argv[1] .. ':queues') end

-- attempted: base, attempt. Returns 1 if the queue remembers the attempt.
local function attempted(keys, argv) return call('HEXISTS', argv[1] .. 'a', argv[2]) end

-- spread: shard, queue, partitions; 0 for a queue that is no more. Hash parts: how many partitions queues have that have more than
-- one. It is written even if it stays the same, so that a repetition has something to be confirmed.
local function spread_queue(keys, argv)
  local key, n = argv[1] .. ':parts', tonumber(argv[3])
  if n == 0 then
    call('HDEL', key, argv[2])
    return 'OK'
  end
  local old = tonumber(call('HGET', key, argv[2]) or 1)
  call('HSET', key, argv[2], max(old, n))
  if old < n then call('SPUBLISH', argv[1] .. ':wake', '#') end
  return 'OK'
end

-- partitions: shard. Returns queue and partitions of those that have more than one.
local function partitions(keys, argv) return call('HGETALL', argv[1] .. ':parts') end
