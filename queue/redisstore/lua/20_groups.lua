-- Message groups. In a FIFO queue a group keeps an order and is locked while its first message is in flight or delayed; in a
-- standard queue it is a tenant.
--
-- Both have a set g, ordered by bytes, with all of their messages, and are in one of: t, those that have something to
-- receive, in the order of their turns; d, those that will, by when. FIFO groups may also be in y: those of which the
-- first message is held back by the delay that receives give, by when it was sent.

-- FIFO: the members of g are group and sequence, of t and d the group; the score in t is the turn.

local function group_first(st, group, limit)
  return call('ZRANGEBYLEX', st.base .. 'g', '[' .. group, '[' .. group .. '~', 'LIMIT', 0, limit)
end

local function group_turn(st, group)
  st.turn = st.turn + 1
  call('ZADD', st.base .. 't', st.turn, group)
end

-- blocked returns until when a message of a group is in flight or delayed, or nil.
local function blocked(st, seq)
  if st.gleased > 0 then
    local deadline = tonumber(call('ZSCORE', st.base .. 'L', seq) or 0)
    if deadline > st.clock then return deadline end
  end
  if st.gwaiting > 0 then
    local due = tonumber(call('ZSCORE', st.base .. 'W', seq) or 0)
    if due > st.clock then return due end
  end
  return nil
end

-- group_place puts a group where it belongs now. One that has its turn keeps it unless again is set.
local function group_place(st, group, again)
  local base = st.base
  local head = group_first(st, group, 1)[1]
  if not head then
    call('ZREM', base .. 't', group)
    call('ZREM', base .. 'd', group)
    call('ZREM', base .. 'y', group)
    return
  end
  local till = blocked(st, sub(head, #group + 1))
  if till then
    call('ZREM', base .. 't', group)
    call('ZREM', base .. 'y', group)
    call('ZADD', base .. 'd', till, group)
    stir(st, till)
    return
  end
  call('ZREM', base .. 'd', group)
  call('ZREM', base .. 'y', group)
  if again or not call('ZSCORE', base .. 't', group) then
    group_turn(st, group)
  end
  stir(st, st.clock)
end

-- Standard: the members of g are tenant, class, time and sequence: class 0 are leased until that time, class 1 are waiting
-- since then or until then. Turns are sequence numbers, so that they compare with those of messages without a group; the
-- members of t are turn and tenant, and hash tt leads from tenant to turn.

local function tenant_member(tenant, class, ms, seq) return tenant .. class .. hex(ms) .. seq end

-- tenant_locate returns the member of g that is a message's.
local function tenant_locate(st, tenant, seq)
  if st.gleased > 0 then
    local deadline = call('ZSCORE', st.base .. 'L', seq)
    if deadline then return tenant_member(tenant, '0', deadline, seq) end
  end
  if st.gwaiting > 0 then
    local due = call('ZSCORE', st.base .. 'W', seq)
    if due then return tenant_member(tenant, '1', due, seq) end
  end
  return tenant_member(tenant, '1', seq_ms(seq), seq)
end

-- tenant_head returns the member that is next of a tenant, or nil.
local function tenant_head(st, tenant)
  local till = hex(st.clock) .. '~'
  for class = 0, 1 do
    local first = tenant .. class
    local r = call('ZRANGEBYLEX', st.base .. 'g', '[' .. first, '[' .. first .. till, 'LIMIT', 0, 1)
    if r[1] then return r[1] end
  end
  return nil
end

-- tenant_next returns when a tenant of which nothing is receivable will have something, or nil.
local function tenant_next(st, tenant)
  local at
  for class = 0, 1 do
    local first = tenant .. class
    local r = call('ZRANGEBYLEX', st.base .. 'g', '[' .. first, '[' .. first .. '~', 'LIMIT', 0, 1)
    if r[1] then
      local ms = tonumber(sub(r[1], #first + 1, #first + 11), 16)
      if not at or ms < at then at = ms end
    end
  end
  return at
end

local function tenant_out(st, tenant)
  local turn = call('HGET', st.base .. 'tt', tenant)
  if turn then
    call('ZREM', st.base .. 't', turn .. tenant)
    call('HDEL', st.base .. 'tt', tenant)
  end
end

-- tenant_in gives a tenant a turn, or the earlier one of when it was due.
local function tenant_in(st, tenant, turn)
  local due = tonumber(call('ZSCORE', st.base .. 'd', tenant) or st.clock + 1)
  if due <= st.clock and hex(due) .. '00000' < turn then turn = hex(due) .. '00000' end
  call('ZREM', st.base .. 'd', tenant)
  call('ZADD', st.base .. 't', 0, turn .. tenant)
  call('HSET', st.base .. 'tt', tenant, turn)
end

-- tenant_place puts a tenant where it belongs now. One that has its turn keeps it; another gets turn, or one after all
-- that wait.
local function tenant_place(st, tenant, turn)
  local base = st.base
  if tenant_head(st, tenant) then
    if call('HEXISTS', base .. 'tt', tenant) == 0 then
      tenant_in(st, tenant, turn or next_seq(st, true))
    end
    stir(st, st.clock)
    return
  end
  tenant_out(st, tenant)
  local at = tenant_next(st, tenant)
  if at then
    call('ZADD', base .. 'd', at, tenant)
    stir(st, at)
  else
    call('ZREM', base .. 'd', tenant)
  end
end

-- promote gives turns to the groups whose time has come.
local function promote(st, delay)
  local base = st.base
  local due = call('ZRANGEBYSCORE', base .. 'd', '-inf', st.clock, 'WITHSCORES', 'LIMIT', 0, PROMOTE)
  for i = 1, #due, 2 do
    if st.kind == FIFO then
      call('ZREM', base .. 'd', due[i])
      group_turn(st, due[i])
    else
      tenant_in(st, due[i], hex(tonumber(due[i + 1])) .. '00000')
    end
  end
  if st.kind ~= FIFO then return end
  due = call('ZRANGEBYSCORE', base .. 'y', '-inf', st.clock - delay, 'LIMIT', 0, PROMOTE)
  for i = 1, #due do
    call('ZREM', base .. 'y', due[i])
    group_turn(st, due[i])
  end
end

-- look says whether something is receivable, and else when it will be: 0 for never.
local function look(st)
  if st.fresh > 0 then return true, 0 end
  local base, at = st.base, 0
  local function consider(ms)
    if ms and (at == 0 or ms < at) then at = ms end
  end
  if st.leased > 0 then consider(first_score(base .. 'l')) end
  if st.waiting > 0 then consider(first_score(base .. 'w')) end
  if at > 0 and at <= st.clock then return true, 0 end
  if st.grouped > 0 then
    if call('EXISTS', base .. 't') == 1 then return true, 0 end
    consider(first_score(base .. 'd'))
    if st.kind == FIFO then
      local sent = first_score(base .. 'y')
      consider(sent and sent + st.delay)
    end
  end
  if at > 0 and at <= st.clock then return true, 0 end
  return false, at
end
