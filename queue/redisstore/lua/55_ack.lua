-- ack is settle for what most settlements are: acknowledgements in one queue, without a record.
--
-- ack: now, base, then sequence and nonce of each in 32 digits. Returns a letter for each: O, G(one), E(xpired), K(ind).
local function ack(keys, argv)
  local now, base = time_of(argv[1]), argv[2]
  local st = load_state(base, now)
  local out = {}
  if not st or st.kind == DROPPED or st.kind == LOG then
    local letter = st and st.kind == LOG and 'K' or 'G'
    for i = 3, #argv do out[i - 2] = letter end
    return concat(out)
  end
  local seqs = {}
  for i = 3, #argv do seqs[i - 2] = sub(argv[i], 1, 16) end
  local m, n, i, l, w, k, o = {}, {}, {}, {}, {}, {}, {}
  for from = 1, #seqs, 2000 do
    local raw = call('HMGET', base .. 'i', spread(seqs, from, min(from + 1999, #seqs)))
    for at = 1, #raw do
      local seq = seqs[from + at - 1]
      local letter = 'O'
      local flags, size, group, key, _
      if raw[at] then flags, _, _, _, _, size, group, key = unpack_(INFO, raw[at]) end
      if st.dead[seq] then
        letter = 'G'
      elseif flags and group == '' and flags < SENDING then
        st.dead[seq] = true
        insert(is_plain(seq) and m or n, entry_id(seq))
        insert(i, seq)
        insert(has(flags, RELEASED) and w or l, seq)
        if key ~= '' then insert(k, key .. seq) end
        if has(flags, OLD) then insert(o, seq) end
        st.live, st.bytes, st.acked = st.live - 1, st.bytes - size, st.acked + 1
      else
        local what, x = good(st, seq, sub(argv[from + at + 1], 17), true)
        if what == true then
          st.dead[seq] = true
          drop_message(st, seq, x)
          st.acked = st.acked + 1
        else
          letter = sub(what, 1, 1)
        end
      end
      insert(out, letter)
    end
  end
  if #m > 0 then many('XDEL', base .. 'm', m) end
  if #n > 0 then many('XDEL', base .. 'n', n) end
  if #i > 0 then many('HDEL', base .. 'i', i) end
  if #l > 0 then st.leased = st.leased - many('ZREM', base .. 'l', l) end
  if #w > 0 then st.waiting = st.waiting - many('ZREM', base .. 'w', w) end
  if #k > 0 then many('ZREM', base .. 'k', k) end
  if #o > 0 then many('ZREM', base .. 'o', o) end
  save_state(st)
  return concat(out)
end
