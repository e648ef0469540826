package redisstore

import "testing"

func TestShardsSpreadEvenly(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for shard := range shardCount {
		name := tag(shard)
		if name[0] != '{' || name[len(name)-1] != '}' {
			t.Fatalf("tag(%d) = %q", shard, name)
		}
		slot := slotOf(name[1 : len(name)-1])
		if slot != shard*256+128 {
			t.Errorf("shard %d, tag %s: slot %d", shard, name, slot)
		}
		if back, ok := shardOfSlot(slot); back != shard || !ok {
			t.Errorf("shardOfSlot(%d) = %d, %v", slot, back, ok)
		}
		if seen[name] {
			t.Errorf("tag %s twice", name)
		}
		seen[name] = true
	}
	if _, ok := shardOfSlot(129); ok {
		t.Error("slot 129 has a shard")
	}
}

// The tags are a part of the stored format: they never change.
func TestTagsAreFixed(t *testing.T) {
	t.Parallel()
	if first, last := tag(0), tag(shardCount-1); first != "{sb22104}" || last != "{sb9568}" {
		t.Errorf("tag(0) = %s, tag(63) = %s", first, last)
	}
}

// Values of the cluster specification.
func TestSlotOf(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]int{"123456789": 12739, "foo": 12182, "": 0} {
		if got := slotOf(key); got != want {
			t.Errorf("slotOf(%q) = %d, want %d", key, got, want)
		}
	}
}
