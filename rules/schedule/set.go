package schedule

// set is a set of small numbers, 0 to 255.
type set [4]uint64

func (s *set) add(n int)      { s[n>>6] |= 1 << (n & 63) }
func (s *set) has(n int) bool { return s[n>>6]>>(n&63)&1 != 0 }
