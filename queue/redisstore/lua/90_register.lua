-- failed is what an error in a function is answered with. What it has written stays, so that its queues are rebuilt by the next call.
local function failed(problem)
  if type(problem) ~= 'table' then problem = redis.error_reply('SB CORRUPT ' .. tostring(problem)) end
  if not reading and not untouched and not match(problem.err, '^SB NEWER') then
    for base in pairs(touched) do break_off(base) end
  end
  return problem
end

-- register makes a function callable. It answers which queues it has stirred, in a text, and what f returns. how is 'reads'; or
-- 'adds', for a function that needs memory and fails when there is none; or nothing, for one that works all the same, since what it
-- does makes room.
local function register(name, f, how)
  local function run(keys, argv)
    if not call then setup() end
    stirred, touched, reading, untouched = {}, {}, how == 'reads', false
    local ok, answer = pcall(f, keys, argv)
    if not ok then return failed(answer) end
    if type(answer) == 'table' and answer.err then return answer end
    local queues = concat(stirred, ' ')
    if queues ~= '' then call('SPUBLISH', stirred_shard .. ':wake', queues) end
    return { queues, answer }
  end
  local flags = { 'allow-oom' }
  if how == 'reads' then flags = { 'no-writes' } end
  if how == 'adds' then flags = {} end
  redis.register_function({ function_name = 'sb1_' .. name, callback = run, flags = flags })
end

register('append', append, 'adds')
register('receive', receive)
register('settle', settle)
register('ack', ack)
register('extend', extend)
register('read', read, 'reads')
register('get', get, 'reads')
register('scan', scan, 'reads')
register('stats', stats, 'reads')
register('ready', ready)
register('purge', purge)
register('drop', drop)
register('drop_empty', drop_empty)
register('expire', expire)
register('alive', alive, 'reads')
register('once', once, 'adds')
register('done', done, 'reads')
register('hold', hold)
register('accept', accept, 'adds')
register('finish', finish)
register('cancel', cancel)
register('outbox', outbox, 'reads')
register('lease', lease)
register('unlease', unlease)
register('permit', permit)
register('commit', commit, 'adds')
register('restore', restore, 'adds')
register('changes', changes, 'reads')
register('beat', beat)
register('behind', behind, 'reads')
register('queues', queues, 'reads')
register('attempted', attempted, 'reads')
register('spread', spread_queue, 'adds')
register('partitions', partitions, 'reads')
