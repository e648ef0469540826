package topic

// slotShards is into how many maps a slotMap is divided, of which a change copies those that it touches.
const slotShards = 64

// slotMap leads from keys to slots. It is never changed: a slotEdit makes the next one, which shares what is the same.
type slotMap struct{ shards [slotShards]map[string]int32 }

func slotShard(key string) uint32 {
	h := uint32(2166136261) // FNV-1a
	for i := range len(key) {
		h = (h ^ uint32(key[i])) * 16777619
	}
	return h % slotShards
}

func (m *slotMap) get(key string) (int32, bool) {
	slot, ok := m.shards[slotShard(key)][key]
	return slot, ok
}

// slotEdit changes a copy of a slotMap.
type slotEdit struct {
	m   slotMap
	own [slotShards]bool // the maps that nobody else sees
}

func (e *slotEdit) shard(key string) map[string]int32 {
	i := slotShard(key)
	if !e.own[i] {
		copied := make(map[string]int32, len(e.m.shards[i])+1)
		for k, v := range e.m.shards[i] {
			copied[k] = v
		}
		e.m.shards[i], e.own[i] = copied, true
	}
	return e.m.shards[i]
}

func (e *slotEdit) set(key string, slot int32) { e.shard(key)[key] = slot }

func (e *slotEdit) remove(key string) { delete(e.shard(key), key) }
