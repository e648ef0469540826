package awstest

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
	"github.com/signalbox-mq/signalbox/queue/storetest"
)

// Who calls in tests, and where.
const (
	Account = "000000000000"
	Region  = "us-east-1"
	// BaseURL is where clients reach the router.
	BaseURL = "http://router.test"
	// RequestID is that of every request.
	RequestID = "req-1"
)

// Backend is what a service needs below it: a real store in memory, and definitions.
type Backend struct {
	Store  *storetest.Faulty
	Defs   *catalog.Catalog
	Broker *queue.Broker
	// Log is what the handler has logged.
	Log *bytes.Buffer
}

// NewBackend returns a backend that is closed with the test.
func NewBackend(tb testing.TB) *Backend {
	tb.Helper()
	store, err := pebblestore.Open("", pebblestore.Options{FS: vfs.NewMem(), CacheBytes: 1 << 20, MemTableBytes: 16 << 20})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	defs, err := catalog.Open(context.Background(), &catalogtest.Memory{})
	if err != nil {
		tb.Fatal(err)
	}
	b := &Backend{Store: &storetest.Faulty{Store: store}, Defs: defs, Log: &bytes.Buffer{}}
	b.Broker = queue.NewBroker(b.Store, defs, queue.NewClock(time.Time{}))
	return b
}

// Handler returns the handler of services.
func (b *Backend) Handler(services ...*awsapi.Service) *awsapi.Handler {
	return awsapi.NewHandler(awsapi.Config{
		Account: Account, Region: Region, PublicURL: BaseURL, RequestIDHeader: "X-Request-Id", Log: zerolog.New(zerolog.SyncWriter(b.Log)),
	}, services...)
}
