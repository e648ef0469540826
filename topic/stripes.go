package topic

import (
	"context"
	"hash/maphash"
)

// stripes are locks for very many keys: two keys share one only by chance. They are channels, as they are held over I/O and
// waiting for one ends with its context.
type stripes struct {
	seed  maphash.Seed
	locks [256]chan struct{}
}

func newStripes() *stripes {
	s := &stripes{seed: maphash.MakeSeed()}
	for i := range s.locks {
		s.locks[i] = make(chan struct{}, 1)
	}
	return s
}

// lock returns what unlocks the key again, or ctx's error.
func (s *stripes) lock(ctx context.Context, key string) (unlock func(), err error) {
	lock := s.locks[maphash.String(s.seed, key)%uint64(len(s.locks))]
	select {
	case lock <- struct{}{}:
		return func() { <-lock }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
