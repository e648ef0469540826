package redisstore

import "testing"

func TestShardsSpreadEvenly(t *testing.T) {
	t.Parallel()
	for _, namespace := range []string{DefaultNamespace, "staging"} {
		seen := map[string]bool{}
		for shard, tag := range namesIn(namespace).tags {
			if tag[0] != '{' || tag[len(tag)-1] != '}' || seen[tag] {
				t.Fatalf("shard %d has tag %q", shard, tag)
			}
			seen[tag] = true
			if back, ok := shardOfSlot(slotOf(tag[1 : len(tag)-1])); back != shard || !ok {
				t.Errorf("shard %d, tag %s: in the slot of shard %d, %v", shard, tag, back, ok)
			}
		}
	}
	for _, slot := range []int{0, 63, 192, 255} {
		if _, ok := shardOfSlot(slot); ok {
			t.Errorf("slot %d, at the edge, has a shard", slot)
		}
	}
}

// The tags are a part of the stored format: they never change.
func TestTagsAreFixed(t *testing.T) {
	t.Parallel()
	tags := namesIn(DefaultNamespace).tags
	if first, last := tags[0], tags[shardCount-1]; first != "{sb56}" || last != "{sb172}" {
		t.Errorf("tags are from %s to %s", first, last)
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
