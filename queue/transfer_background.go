package queue

import (
	"context"
	"time"
)

const (
	// backgroundEntries is how many messages a batch in the background may make: little enough for those who write at the same
	// time not to notice.
	backgroundEntries = 200
	// backgroundYield is for how many times as long as its batch took a transfer in the background keeps its turn without doing
	// anything, if it has written; backgroundPause is the longest such pause.
	backgroundYield = 3
	backgroundPause = 2 * time.Second
)

// turn waits for the transfer's turn among those in the background. The caller ends it with leave, which pauses first. It fails
// with ctx's error.
func (w *transferWork) turn(ctx context.Context) (leave func(), err error) {
	select {
	case w.ts.background <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	begun, copied := time.Now(), w.t.Copied
	return func() {
		took := time.Since(begun)
		if w.t.Copied > copied {
			took *= backgroundYield
		}
		sleep(ctx, min(took, backgroundPause))
		<-w.ts.background
	}, nil
}

// resize has batches in the background be of about the size that makes as many messages as a batch may. One that made none says
// that many are not wanted.
func (w *transferWork) resize(read, entries int) {
	switch {
	case !w.mapper.Background:
	case entries == 0:
		w.size = 0
	case entries <= backgroundEntries/2:
		w.size = min(2*read, transferBatch)
	default:
		w.size = read
	}
}

// slow says whether a transfer mostly waits, so that it has a place of its own.
func (ts *Transfers) slow(t *Transfer) bool { return t.slow() || ts.mappers[t.Kind].Background }
