-- drop_message removes a message, whatever its status, and counts nothing but what is there. x is its info, or made of its header.
local function drop_message(st, seq, x)
  local base = st.base
  if st.kind == LOG or is_plain(seq) then
    call('XDEL', base .. 'm', entry_id(seq))
    if st.kind ~= LOG and seq > st.cursor then st.fresh = st.fresh - 1 end
  else
    call('XDEL', base .. 'n', entry_id(seq))
  end
  if st.kind ~= LOG then
    call('HDEL', base .. 'i', seq)
    if x.group == '' then
      if st.leased > 0 then st.leased = st.leased - call('ZREM', base .. 'l', seq) end
      if st.waiting > 0 then st.waiting = st.waiting - call('ZREM', base .. 'w', seq) end
    else
      st.grouped = st.grouped - 1
      if st.kind == FIFO then
        call('ZREM', base .. 'g', x.group .. seq)
      else
        call('ZREM', base .. 'g', tenant_locate(st, x.group, seq))
      end
      if st.gleased > 0 then st.gleased = st.gleased - call('ZREM', base .. 'L', seq) end
      if st.gwaiting > 0 then st.gwaiting = st.gwaiting - call('ZREM', base .. 'W', seq) end
      if st.kind == FIFO then
        group_place(st, x.group)
      else
        tenant_place(st, x.group)
      end
    end
  end
  if x.key ~= '' then call('ZREM', base .. 'k', x.key .. seq) end
  if has(x.flags, OLD) then call('ZREM', base .. 'o', seq) end
  st.live, st.bytes = st.live - 1, st.bytes - x.size
end

-- enough says that the receive has all it asked for. (One that is full for another reason looks whether there was more.)
local function enough(r) return r.taken == r.max end

local function in_flight(st)
  local n = 0
  if st.leased > 0 then n = call('ZCOUNT', st.base .. 'l', '(' .. fmt('%d', st.clock), '+inf') end
  if st.gleased > 0 then n = n + call('ZCOUNT', st.base .. 'L', '(' .. fmt('%d', st.clock), '+inf') end
  return n
end

-- hand_out adds a message to what a receive returns: what is known of it, and its blob.
local function hand_out(r, seq, nonce, receives, first, deadline, exceeded, sent, state, blob)
  local out = r.out
  local n = #out
  out[n + 1] = pack('>c16c16I4i8i8Bi8I4c0', seq, nonce, receives, first, deadline, exceeded, sent, #state, state)
  out[n + 2] = blob
end

-- nonce_of is that of all leases of a receive: it has to differ between the leases of one message only.
local function nonce_of(st, r)
  local nonce = r.nonce
  if not nonce then
    nonce = next_seq(st, true)
    r.nonce = nonce
  end
  return nonce
end

-- REMOVE and REMOVE_BYTES bound how many old messages a call removes, in which Redis does nothing else.
local REMOVE, REMOVE_BYTES = 500, 2 * PAGE_BYTES

-- A receive in progress: r. It is worn when it ends for what it has done besides: the caller is to go on.
--
-- offer judges a candidate: 'take' it was taken, 'seen' it was taken before, 'old' it was removed for its age, 'stop' nothing
-- more can be taken.
local function offer(st, r, seq, h, blob, raw)
  if r.seen[seq] then return 'seen' end
  if r.retention > 0 and h.sent + r.retention <= st.clock then
    if r.expired >= REMOVE or r.removed >= REMOVE_BYTES then
      r.worn = true
      return 'stop'
    end
    drop_message(st, seq, unpack_info(raw) or new_info(h))
    st.expired = st.expired + 1
    r.expired, r.removed = r.expired + 1, r.removed + #blob
    return 'old'
  end
  if r.taken == r.room then
    r.over = r.room < r.max
    return 'stop'
  end
  if (r.strict or r.max_bytes > 0 and r.taken > 0) and r.bytes + h.length > r.max_bytes then
    r.cut = true
    return 'stop'
  end
  local x = unpack_info(raw) or new_info(h)
  local exceeded = r.max_receives > 0 and x.receives >= r.max_receives
  local visibility = r.visibility
  if exceeded then
    visibility = max(visibility, EXCEEDED)
  else
    x.receives = x.receives + 1
    if x.first == 0 then x.first = st.clock end
  end
  x.nonce, x.since = nonce_of(st, r), st.clock
  x.flags = with(with(x.flags, HELD, true), RELEASED, false)
  local deadline = st.clock + visibility
  insert(r.info, seq)
  insert(r.info, pack_info(x))
  local leases = h.group == '' and r.leases or r.gleases
  insert(leases, deadline)
  insert(leases, seq)
  if r.attempt ~= '' and not exceeded then insert(r.given, { seq, x.nonce, deadline }) end
  if visibility == 0 then r.seen[seq] = true end
  r.taken, r.bytes = r.taken + 1, r.bytes + h.length
  if not r.earliest or deadline < r.earliest then r.earliest = deadline end
  hand_out(r, seq, x.nonce, x.receives, x.first, deadline, exceeded and 1 or 0, h.sent, x.state, blob)
  r.deadline = deadline
  return 'take'
end

-- take_fresh is offer for a message from stream m, which nobody received yet, in the plain case. It returns false in any other.
local function take_fresh(st, r, seq, raw, blob)
  local flags, sent, size, length, _, key = unpack_(HEADER, raw)
  local clock = st.clock
  if r.taken == r.room or r.retention > 0 and sent + r.retention <= clock or
    (r.strict or r.max_bytes > 0 and r.taken > 0) and r.bytes + length > r.max_bytes then
    return false
  end
  local nonce, deadline = nonce_of(st, r), clock + r.visibility
  local info, leases = r.info, r.leases
  local n = #info
  info[n + 1] = seq
  info[n + 2] = pack(INFO, flags % 2 == AGED and HELD + OLD or HELD, 1, clock, nonce, clock, size, 0, '', #key, key, 0, '')
  n = #leases
  leases[n + 1] = deadline
  leases[n + 2] = seq
  if r.attempt ~= '' then insert(r.given, { seq, nonce, deadline }) end
  if r.visibility == 0 then r.seen[seq] = true end
  r.taken, r.bytes, r.earliest = r.taken + 1, r.bytes + length, min(r.earliest or deadline, deadline)
  hand_out(r, seq, nonce, 1, clock, deadline, 0, sent, '', blob)
  return true
end

-- free_page reads what comes next behind the cursor, as much as the receive could take: the first page in one go, if it is
-- small.
local function free_page(st, r, f)
  local want = r.room - r.taken + 1
  local left = (r.strict or r.max_bytes > 0) and r.max_bytes - r.bytes or PAGE_BYTES
  local n = min(want, f.m and page_size(st, r.taken + r.expired, r.bytes + r.removed, left) or page_size(st, 32, 0, left))
  f.m, f.nm = call('XRANGE', st.base .. 'm', '(' .. entry_id(st.cursor), '+', 'COUNT', n), 1
  f.more = #f.m == n and want > n
end

-- Messages without a group come from three places, each in order: l, those whose lease ended; w, those whose delay ended; and m
-- behind the cursor. free_load looks for as many as the receive could take.
local function free_load(st, r)
  local base, f = st.base, { l = {}, w = {}, nl = 1, nw = 1, nm = 1 }
  local want = r.room - r.taken + 1
  if st.leased > 0 then
    f.l = call('ZRANGEBYSCORE', base .. 'l', '-inf', st.clock, 'LIMIT', 0, want)
  end
  if st.waiting > 0 then
    f.w = call('ZRANGEBYSCORE', base .. 'w', '-inf', st.clock, 'WITHSCORES', 'LIMIT', 0, want)
  end
  if st.fresh > 0 then
    free_page(st, r, f)
  else
    f.m = {}
  end
  return f
end

-- free_turn returns the place of the next free message: '' for one whose lease ended, else its turn, or nil.
local function free_turn(st, r, f)
  if f.l[f.nl] then return '' end
  local turn
  if f.w[f.nw] then turn = hex(tonumber(f.w[f.nw + 1])) .. '00000' end
  if not f.m[f.nm] and f.more then free_page(st, r, f) end
  if f.m[f.nm] then
    local seq = seq_of(f.m[f.nm][1])
    if not turn or seq < turn then turn = seq end
  end
  return turn
end

-- free_take takes the next free message. False when nothing more can be taken.
local function free_take(st, r, f)
  local base = st.base
  if enough(r) then return false end
  if f.l[f.nl] then
    local seq = f.l[f.nl]
    local h, blob = fetch(st, seq)
    local what = offer(st, r, seq, h, blob, call('HGET', base .. 'i', seq))
    if what == 'stop' then return false end
    f.nl = f.nl + 1
    return true
  end
  local m = f.m[f.nm]
  local seq = m and seq_of(m[1])
  if f.w[f.nw] and not (m and seq < hex(tonumber(f.w[f.nw + 1])) .. '00000') then
    seq = f.w[f.nw]
    local h, blob = fetch(st, seq)
    local what = offer(st, r, seq, h, blob, call('HGET', base .. 'i', seq))
    if what == 'stop' then return false end
    f.nw = f.nw + 2
    if what == 'take' then insert(r.unwait, seq) end
    return true
  end
  local what = 'take'
  if not take_fresh(st, r, seq, m[2][2], m[2][4]) then
    what = offer(st, r, seq, unpack_header(m[2][2]), m[2][4], nil)
    if what == 'stop' then return false end
  end
  f.nm = f.nm + 1
  if what == 'take' then st.fresh = st.fresh - 1 end
  st.cursor = seq
  return true
end

-- flush writes what a receive has taken so far.
local function flush(st, r)
  local base = st.base
  if #r.info > 0 then many('HSET', base .. 'i', r.info) end
  if #r.leases > 0 then st.leased = st.leased + many('ZADD', base .. 'l', r.leases) end
  if #r.gleases > 0 then st.gleased = st.gleased + many('ZADD', base .. 'L', r.gleases) end
  if #r.unwait > 0 then st.waiting = st.waiting - many('ZREM', base .. 'w', r.unwait) end
  if #r.gunwait > 0 then st.gwaiting = st.gwaiting - many('ZREM', base .. 'W', r.gunwait) end
  r.info, r.leases, r.gleases, r.unwait, r.gunwait = {}, {}, {}, {}, {}
end

local function receive_free(st, r)
  local removed
  repeat
    removed = r.expired
    flush(st, r)
    local f = free_load(st, r)
    while free_turn(st, r, f) do
      if not free_take(st, r, f) then
        flush(st, r)
        return
      end
    end
  until r.expired == removed -- what was removed kept others out of what was loaded
  flush(st, r)
end

-- receive_groups serves the groups of a FIFO queue in turn. Those that have nothing yet it puts where they wait, PROMOTE at most.
local function receive_groups(st, r)
  local base = st.base
  local served, seen, passed = {}, {}, 0
  while not (r.over or r.cut or r.full or enough(r)) do
    local turn = call('ZRANGE', base .. 't', 0, 0, 'WITHSCORES')
    local group = turn[1]
    if not group or seen[group] then break end
    seen[group] = true
    if passed == PROMOTE then
      r.worn = true
      break
    end
    local took, held, young, from = 0, nil, nil, '[' .. group
    repeat
      local members = call('ZRANGEBYLEX', base .. 'g', from, '[' .. group .. '~', 'LIMIT', 0, 10)
      local go = #members == 10
      for i = 1, #members do
        local seq = sub(members[i], #group + 1)
        from = '(' .. members[i]
        held = blocked(st, seq)
        if held then
          go = false
          break
        end
        local h, blob = fetch(st, seq)
        if h.sent + r.delay > st.clock then
          young, go = h.sent, false
          break
        end
        local what = offer(st, r, seq, h, blob, call('HGET', base .. 'i', seq))
        if what == 'stop' then
          r.full, go = true, false
          break
        elseif what == 'take' then
          took = took + 1
          insert(r.gunwait, seq)
          if enough(r) then
            go = false
            break
          end
        end
      end
    until not go
    if took > 0 then
      insert(served, group)
      call('ZREM', base .. 't', group)
    elseif held then
      call('ZREM', base .. 't', group)
      call('ZADD', base .. 'd', held, group)
      passed = passed + 1
    elseif young then
      call('ZREM', base .. 't', group)
      call('ZADD', base .. 'y', young, group)
      passed = passed + 1
    elseif r.full then
      call('ZADD', base .. 't', turn[2], group) -- as it was, whatever became of its old messages
    end
  end
  flush(st, r)
  for i = 1, #served do group_place(st, served[i], true) end
end

-- receive_fair serves free messages and tenants of a standard queue in turn.
local function receive_fair(st, r)
  local base = st.base
  local f = free_load(st, r)
  local all = in_flight(st)
  local flying, noisy, quiet, served, moved = {}, {}, 0, {}, {}
  local removed = 0
  local function fly(tenant)
    if not flying[tenant] then
      local n = 0
      if st.gleased > 0 then
        n = call('ZLEXCOUNT', base .. 'g', '(' .. tenant .. '0' .. hex(st.clock) .. '~', '[' .. tenant .. '0~')
      end
      flying[tenant] = n
      noisy[tenant] = n >= NOISY and n * 10 > all
    end
  end
  -- serve takes one message of a tenant: false when nothing more can be taken.
  local function serve(tenant)
    local member = tenant_head(st, tenant)
    if not member then
      tenant_out(st, tenant)
      served[tenant] = served[tenant] or ''
      return true
    end
    local seq = sub(member, -16)
    local h, blob = fetch(st, seq)
    local what = offer(st, r, seq, h, blob, call('HGET', base .. 'i', seq))
    if what == 'stop' then return false end
    if what == 'old' then
      served[tenant] = served[tenant] or ''
      return true
    end
    call('ZREM', base .. 'g', member)
    insert(moved, 0)
    insert(moved, tenant_member(tenant, '0', r.deadline, seq))
    insert(r.gunwait, seq)
    flying[tenant] = flying[tenant] + 1
    local turn = next_seq(st, true)
    served[tenant] = turn
    tenant_out(st, tenant)
    if tenant_head(st, tenant) then tenant_in(st, tenant, turn) end
    return true
  end
  while not enough(r) do
    -- The first tenant that is not noisy.
    local tenant, turn
    local at, found = 0, {}
    repeat
      local members = call('ZRANGE', base .. 't', at, at + 9)
      for i = 1, #members do
        local who = sub(members[i], 17)
        fly(who)
        if not noisy[who] then
          tenant, turn = who, sub(members[i], 1, 16)
          break
        end
        insert(found, who)
      end
      at = at + 10
    until tenant or #members < 10
    local free = free_turn(st, r, f)
    if not free and r.expired > removed then
      removed = r.expired
      flush(st, r)
      f = free_load(st, r)
      free = free_turn(st, r, f)
    end
    local go
    if free and (not tenant or free <= turn) then
      go = free_take(st, r, f)
    elseif tenant then
      go = serve(tenant)
    else
      for i = 1, #found do
        if not tenant or flying[found[i]] < flying[tenant] then tenant = found[i] end
      end
      go = tenant and serve(tenant)
    end
    if not go then break end
  end
  flush(st, r)
  if #moved > 0 then many('ZADD', base .. 'g', moved) end
  for tenant, turn in pairs(served) do
    tenant_place(st, tenant, turn ~= '' and turn or nil)
  end
end

-- attempts: hash a, by name: until when it counts, and for each lease sequence, nonce and deadline; set at, by that time.
local function attempt_remember(st, r)
  local list = {}
  for i = 1, #r.given do
    insert(list, pack('>c16c16i8', r.given[i][1], r.given[i][2], r.given[i][3]))
  end
  local till = st.clock + r.window
  call('HSET', st.base .. 'a', r.attempt, pack('>i8', till) .. concat(list))
  call('ZADD', st.base .. 'at', till, r.attempt)
end

local function attempt_forget(st, name)
  call('HDEL', st.base .. 'a', name)
  call('ZREM', st.base .. 'at', name)
end

-- attempt_repeat returns true if the receive is a repetition whose messages are now in r.
local function attempt_repeat(st, r)
  local base = st.base
  local known = call('HGET', base .. 'a', r.attempt)
  if not known then return false end
  local stands = st.clock < unpack_('>i8', known)
  local leases = {}
  for at = 9, #known, 40 do
    if not stands then break end
    local seq, nonce, deadline = unpack_('>c16c16i8', known, at)
    local raw = call('HGET', base .. 'i', seq)
    local x = unpack_info(raw)
    local key
    if x then key = base .. (x.group == '' and 'l' or 'L') end
    stands = x ~= nil and x.nonce == nonce and deadline > st.clock and tonumber(call('ZSCORE', key, seq) or 0) == deadline
    insert(leases, { seq = seq, x = x, key = key })
  end
  if not stands then
    attempt_forget(st, r.attempt)
    return false
  end
  local deadline = st.clock + r.visibility
  for i = 1, #leases do
    local l = leases[i]
    call('ZADD', l.key, deadline, l.seq)
    if r.visibility > 0 then
      local h, blob = fetch(st, l.seq)
      hand_out(r, l.seq, l.x.nonce, l.x.receives, l.x.first, deadline, 0, h.sent, l.x.state, blob)
      insert(r.given, { l.seq, l.x.nonce, deadline })
    end
    if l.x.group ~= '' then group_place(st, l.x.group) end
    stir(st, deadline)
  end
  if r.visibility == 0 then
    attempt_forget(st, r.attempt)
    return false
  end
  attempt_remember(st, r)
  return true
end

-- receive: now, base, max, max bytes (-n-1 for n that not even the first may exceed), visibility, max receives, max in flight, delay,
-- retention, attempt, its window, kind.
-- Returns now, the queue's time, expired, over the limit, dry (1 nothing is left, 2 it is not known, since there was too much to be
-- done at once), when there is something next, and two for each message.
local function receive(keys, argv)
  local now = time_of(argv[1])
  local st = load_state(argv[2], now, tonumber(argv[12]))
  if not st or st.kind == DROPPED then return { fmt('%d', now), fmt('%d', now), 0, 0, 1, '0' } end
  if st.kind == LOG then return redis.error_reply('SB KIND') end
  local r = {
    max = tonumber(argv[3]), max_bytes = tonumber(argv[4]), visibility = tonumber(argv[5]), max_receives = tonumber(argv[6]),
    delay = st.kind == FIFO and tonumber(argv[8]) or 0, retention = tonumber(argv[9]), attempt = argv[10], window = tonumber(argv[11]),
    taken = 0, bytes = 0, expired = 0, removed = 0, info = {}, leases = {}, gleases = {}, unwait = {}, gunwait = {}, given = {}, out = {}, seen = {},
  }
  if r.max_bytes < 0 then r.max_bytes, r.strict = -r.max_bytes - 1, true end
  local limit = tonumber(argv[7])
  local before = st.idle
  local repeated = false
  if st.kind == FIFO then
    if r.attempt ~= '' then repeated = attempt_repeat(st, r) end
    if st.delay ~= r.delay then st.delay = r.delay end
  end
  local dry, at = false, 0
  if not repeated then
    r.room = r.max
    if limit > 0 and st.leased + st.gleased + r.max > limit then
      r.room = min(r.max, max(0, limit - in_flight(st)))
    end
    if st.grouped > 0 then promote(st, r.delay) end
    if st.grouped == 0 then
      receive_free(st, r)
    elseif st.kind == FIFO then
      st.flip = 1 - st.flip
      if st.flip == 1 then receive_free(st, r) end
      if not (r.over or r.cut) then receive_groups(st, r) end
      if st.flip == 0 and not (r.over or r.cut) then receive_free(st, r) end
    else
      receive_fair(st, r)
    end
    if r.earliest then stir(st, r.earliest) end
    if #r.given > 0 and st.kind == FIFO and r.attempt ~= '' and r.window > 0 then attempt_remember(st, r) end
    if r.taken < r.max and not r.cut and not r.over and not r.worn then
      local ready
      ready, at = look(st)
      dry = not ready
      if dry then st.idle = at end
    end
  end
  if repeated or r.taken > 0 or r.expired > 0 or st.idle ~= before or st.grouped > 0 then save_state(st) end
  local out = { fmt('%d', now), fmt('%d', st.clock), r.expired, r.over and 1 or 0, r.worn and 2 or dry and 1 or 0, fmt('%d', at) }
  local n = #out
  for i = 1, #r.out do out[n + i] = r.out[i] end
  return out
end
