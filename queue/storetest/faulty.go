package storetest

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// Faulty is a store that may be made to fail.
type Faulty struct {
	queue.Store
	fault atomic.Pointer[error]
}

// Fail makes Append, Receive, Settle, Extend and Stats fail from now on; with nil no more.
func (f *Faulty) Fail(err error) { f.fault.Store(&err) }

func (f *Faulty) err() error {
	if err := f.fault.Load(); err != nil {
		return *err
	}
	return nil
}

// Append is queue.Store's.
func (f *Faulty) Append(ctx context.Context, req queue.AppendRequest) (queue.AppendResult, error) {
	if err := f.err(); err != nil {
		return queue.AppendResult{}, err
	}
	return f.Store.Append(ctx, req)
}

// Receive is queue.Store's.
func (f *Faulty) Receive(ctx context.Context, req queue.ReceiveRequest) (queue.ReceiveResult, error) {
	if err := f.err(); err != nil {
		return queue.ReceiveResult{}, err
	}
	return f.Store.Receive(ctx, req)
}

// Settle is queue.Store's.
func (f *Faulty) Settle(ctx context.Context, now time.Time, s []queue.Settlement) ([]queue.SettleResult, error) {
	if err := f.err(); err != nil {
		return nil, err
	}
	return f.Store.Settle(ctx, now, s)
}

// Extend is queue.Store's.
func (f *Faulty) Extend(ctx context.Context, now time.Time, e []queue.Extension) ([]error, error) {
	if err := f.err(); err != nil {
		return nil, err
	}
	return f.Store.Extend(ctx, now, e)
}

// Stats is queue.Store's.
func (f *Faulty) Stats(ctx context.Context, now time.Time, ids []queue.ID) ([]queue.Stats, error) {
	if err := f.err(); err != nil {
		return nil, err
	}
	return f.Store.Stats(ctx, now, ids)
}
