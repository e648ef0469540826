package destination

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
)

// TestNodes makes, changes and deletes on one node and looks on another.
func TestNodes(t *testing.T) {
	t.Parallel()
	memory := new(catalogtest.Memory)
	ctx, stop := context.WithCancel(context.Background())
	var following sync.WaitGroup
	defer func() { stop(); following.Wait() }()
	node := func() *Manager {
		defs, err := catalog.Open(ctx, memory.Node())
		if err != nil {
			t.Fatal(err)
		}
		ready := make(chan struct{})
		first := sync.OnceFunc(func() { close(ready) })
		following.Go(func() {
			if err := defs.Follow(ctx, func(context.Context) error { first(); return nil }); err != nil {
				t.Errorf("Follow: %v", err)
			}
		})
		<-ready
		return New(defs, time.Now, NewTokens(nil))
	}
	a, b := node(), node()
	for range 20 {
		if _, err := a.CreateConnection(ctx, at("c"), basicAuth()); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Create(ctx, at("d"), toAPI("c")); err != nil {
			t.Fatal(err)
		}
		if d, err := a.Get(ctx, at("d")); err != nil || !d.Active {
			t.Fatalf("%+v %v", d, err)
		}
		if _, err := b.DeauthorizeConnection(ctx, at("c")); err != nil {
			t.Fatal(err)
		}
		if d, err := a.Get(ctx, at("d")); err != nil || d.Active {
			t.Fatalf("%+v %v", d, err)
		}
		if _, err := a.DeleteConnection(ctx, at("c")); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Create(ctx, at("other"), toAPI("c")); !errors.Is(err, ErrNotFound) {
			t.Fatalf("a destination without a connection: %v", err)
		}
		if err := b.Delete(ctx, at("d")); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Get(ctx, at("d")); !errors.Is(err, ErrNotFound) {
			t.Fatalf("a deleted one: %v", err)
		}
	}
}
