-- PARTS are all keys of a queue but its state.
local PARTS = { 'm', 'n', 'l', 'w', 'L', 'W', 'i', 'g', 't', 'tt', 'd', 'y', 'k', 'o', 'x', 'xt', 'a', 'at' }

local function unlink(base)
  local keys = {}
  for i = 1, #PARTS do keys[i] = base .. PARTS[i] end
  call('UNLINK', spread(keys))
end

-- purge: now, base. Returns how many messages there were. It is a way to heal a broken queue, which is not rebuilt for it.
local function purge(keys, argv)
  reading = true
  local st = load_state(argv[2], time_of(argv[1]))
  reading = false
  if not st or st.kind == DROPPED then return 0 end
  local n = st.live
  unlink(st.base)
  st.live, st.bytes, st.fresh, st.grouped, st.leased, st.gleased, st.waiting, st.gwaiting = 0, 0, 0, 0, 0, 0, 0, 0
  st.cursor = ZERO
  save_state(st)
  return n
end

local function drop_queue(base)
  unlink(base)
  call('SET', base .. 's', pack('>BB', STATE_VERSION, DROPPED), 'EX', GONE)
  call('SREM', shard_of(base) .. ':queues', match(base, '^{[^}]*}:q([^:]*):'))
end

-- drop: bases.
local function drop(keys, argv)
  for i = 1, #argv do drop_queue(argv[i]) end
  return 'OK'
end

-- drop_empty: base. Returns 1 if it was empty and is dropped.
local function drop_empty(keys, argv)
  local st = load_state(argv[1], 0)
  if st and st.kind ~= DROPPED and st.live > 0 then return 0 end
  drop_queue(argv[1])
  return 1
end

-- clear_old removes up to FORGET * 50 members of a set that are due, and their fields of a hash.
local function clear_old(set, hash, ms)
  local old = call('ZRANGEBYSCORE', set, '-inf', ms, 'LIMIT', 0, FORGET * 50)
  if #old > 0 then
    call('HDEL', hash, spread(old))
    call('ZREM', set, spread(old))
  end
  return #old == FORGET * 50
end

-- expire: now, limit, then base, retention and max bytes of each, 0 for none. Returns messages, bytes and 1 for more of each. The
-- limit is how many messages the call removes from all of them; REMOVE_BYTES is how much it reads. It is also where a queue is found
-- out of which a key is missing.
local function expire(keys, argv)
  local now, limit = time_of(argv[1]), tonumber(argv[2])
  local out, total, seen, read = {}, 0, 0, 0 -- total are all that were removed, seen all that were read, of so many bytes
  local function spent() return total >= limit or read >= REMOVE_BYTES end
  for i = 3, #argv, 3 do
    local n, bytes, more = 0, 0, false
    local ok = guarded(argv[i], function()
      local st = load_state(argv[i], now)
      if not st or st.kind == DROPPED then return end
      if not sound(st) then st = rebuild(st.base, st, st.kind, now) end
      local base, retention, most = st.base, tonumber(argv[i + 1]), tonumber(argv[i + 2])
      local changed = false
      local function remove(seq, h)
        local x = unpack_info(call('HGET', base .. 'i', seq)) or new_info(h)
        if has(x.flags, SENDING) then return end
        drop_message(st, seq, x)
        st.expired = st.expired + 1
        n, bytes, total = n + 1, bytes + x.size, total + 1
      end
      -- each calls f for the messages of a stream, page by page, until it has had limit of them, or it or the call has had enough.
      -- Returns whether there may be more.
      local function each(stream, till, f)
        local from, left = '-', limit
        while left > 0 do
          if spent() then return true end
          local count = min(left, limit - total, page_size(st, seen, read, REMOVE_BYTES - read))
          local page = call('XRANGE', base .. stream, from, till, 'COUNT', count)
          for e = 1, #page do
            local fields = page[e][2]
            seen, read, left, from = seen + 1, read + #fields[4], left - 1, '(' .. page[e][1]
            if f(seq_of(page[e][1]), unpack_header(fields[2])) then return false end
          end
          if #page < count then return false end
        end
        return true
      end
      if retention > 0 then
        local cutoff = st.clock - retention
        if cutoff > 0 then
          for _, stream in ipairs({ 'm', 'n' }) do
            more = each(stream, fmt('%d', cutoff), function(seq, h)
              if h.sent <= cutoff then remove(seq, h) end
            end) or more
          end
          local left = limit - total
          local aged = not spent() and call('ZRANGEBYSCORE', base .. 'o', '-inf', cutoff, 'LIMIT', 0, left) or {}
          for e = 1, #aged do
            if spent() then break end
            local h, blob = fetch(st, aged[e])
            if h then
              seen, read = seen + 1, read + #blob
              remove(aged[e], h)
            else
              call('ZREM', base .. 'o', aged[e])
            end
          end
          more = more or spent() or #aged == left
        end
      end
      if st.kind == LOG and most > 0 then
        each('m', '+', function(seq, h)
          if st.bytes <= most then return true end
          remove(seq, h)
        end)
        more = more or st.bytes > most
      end
      changed = n > 0
      more = more and total > 0 -- or it would go on for ever with messages that are on their way to another queue
      if st.kind ~= LOG then
        more = clear_old(base .. 'xt', base .. 'x', st.clock) or more
        if st.kind == FIFO then more = clear_old(base .. 'at', base .. 'a', st.clock) or more end
      end
      if changed then save_state(st) end
    end)
    if not ok then n, bytes, more = 0, 0, false end
    insert(out, n)
    insert(out, bytes)
    insert(out, more and 1 or 0)
  end
  return out
end
