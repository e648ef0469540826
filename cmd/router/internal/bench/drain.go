package bench

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// fill sends so many messages in batches of ten, as many as the window's end allows, and returns how many were taken. Count,
// if not nil, is called for each batch.
func (c *crew) fill(ctx context.Context, wanted int64, w window, count func(*tally, window, time.Time, time.Time, int64)) int64 {
	var asked, sent atomic.Int64
	c.each(func(client *client) {
		for began := time.Now(); began.Before(w.until) && c.goesOn(ctx) && asked.Add(batchSize) <= wanted; {
			err := client.sendTen(ctx)
			ended := time.Now()
			if err != nil {
				c.fail(ctx, client, err)
			} else {
				sent.Add(batchSize)
				if count != nil {
					count(&client.tally, w, began, ended, batchSize)
				}
			}
			began = ended
		}
	})
	return sent.Load()
}

// drain receives and deletes so many messages. Those within the window it counts, one by one if most is 1; what is left
// after it goes in tens. It ends when nothing has come for the time of stall; the error says that not all came.
func (c *crew) drain(ctx context.Context, total int64, most int, w window, stall time.Duration) error {
	var deleted atomic.Int64
	var progress atomic.Int64 // when the last one was deleted, in nanoseconds since start
	start := time.Now()
	c.each(func(client *client) {
		client.receiveUpTo(most, 0)
		single := most == 1
		for began := start; deleted.Load() < total && c.goesOn(ctx); {
			if single && began.After(w.until) {
				client.receiveUpTo(batchSize, 0)
				single = false
			}
			n, err := client.receiveAndDelete(ctx, single)
			ended := time.Now()
			switch since := ended.Sub(start); {
			case err != nil:
				c.fail(ctx, client, err)
			case n > 0:
				deleted.Add(int64(n))
				progress.Store(int64(since))
				client.tally.count(w, began, ended, int64(n))
			case since-time.Duration(progress.Load()) > stall:
				return
			}
			began = ended
		}
	})
	if n := deleted.Load(); n != total {
		return fmt.Errorf("of %d messages sent, %d were received and deleted", total, n)
	}
	return nil
}

// receiveAndDelete receives messages, deletes them, and returns how many they were.
func (c *client) receiveAndDelete(ctx context.Context, single bool) (int, error) {
	if err := c.receiveSome(ctx); err != nil {
		return 0, err
	}
	n := len(c.ans.messages)
	switch {
	case n == 0:
		return 0, nil
	case single:
		return 1, c.deleteOne(ctx)
	default:
		return n, c.deleteAll(ctx)
	}
}
