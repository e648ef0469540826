-- register makes a function callable. It answers which queues it has stirred, in a text, and what f returns.
local function register(name, f, reading)
  local function run(keys, argv)
    if not call then setup() end
    stirred = {}
    local answer = f(keys, argv)
    if type(answer) == 'table' and answer.err then return answer end
    local queues = concat(stirred, ' ')
    if queues ~= '' then call('SPUBLISH', stirred_shard .. ':wake', queues) end
    return { queues, answer }
  end
  redis.register_function({ function_name = 'sb1_' .. name, callback = run, flags = reading and { 'no-writes' } or {} })
end

register('append', append)
register('receive', receive)
register('settle', settle)
register('extend', extend)
register('read', read, true)
register('get', get, true)
register('scan', scan, true)
register('stats', stats, true)
register('ready', ready)
register('purge', purge)
register('drop', drop)
register('drop_empty', drop_empty)
register('expire', expire)
register('alive', alive, true)
register('once', once)
register('done', done, true)
register('hold', hold)
register('accept', accept)
register('finish', finish)
register('cancel', cancel)
register('outbox', outbox, true)
register('lease', lease)
register('unlease', unlease)
register('permit', permit)
register('commit', commit)
register('changes', changes, true)
register('beat', beat)
register('behind', behind, true)
register('queues', queues, true)
register('known', known, true)
register('attempted', attempted, true)
register('spread', spread_queue)
register('partitions', partitions, true)
