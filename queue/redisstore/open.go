package redisstore

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// libraryName leads the names of the functions. It changes when a function is to be called in another way or does something
// else to what is stored, so that nodes of two releases can run together: each calls its own.
const libraryName = "sb1"

// libraryRevision grows with each release that changes a function without changing how it is called; see Library.
const libraryRevision = 1

//go:embed lua/*.lua
var sources embed.FS

// library is all of lua/, in the order of the names.
var library = sync.OnceValue(func() Library {
	var b strings.Builder
	b.WriteString("#!lua name=" + libraryName + "\n-- revision: " + strconv.Itoa(libraryRevision) + "\n")
	names, err := fs.Glob(sources, "lua/*.lua")
	for _, name := range names {
		var text []byte
		if text, err = sources.ReadFile(name); err != nil {
			break
		}
		b.Write(text)
	}
	if err != nil {
		panic(err) // the files are part of the binary
	}
	return Library{Name: libraryName, Code: b.String()}
})

// Open connects to the servers that o.URL names, checks them, loads the functions, and returns a store on what is there.
// Errors are as the options and the checks give them: a [*queue.InvalidError] about the URL, one that names what about the
// servers can not be borne, or one wrapping queue.ErrUnavailable.
//
// clock is that from which the callers of the store's methods read now. With a clock, all time is the server's and now says
// only how far ahead of the clock the caller means; times that are returned are translated back. nil is for tests: now is
// taken as it is.
func Open(ctx context.Context, o Options, clock func() time.Time) (*Store, error) {
	c, err := dial(ctx, o, library())
	if err != nil {
		return nil, err
	}
	found := c.describe()
	c.log(LogInfo, fmt.Sprintf("%s: %s; durability %s", o, found.servers, found.how))
	for _, text := range found.notes {
		c.log(LogInfo, text)
	}
	for _, text := range found.warnings {
		c.log(LogWarn, text)
	}
	s := &Store{c: c, clock: clock, node: uuid.NewString(), news: make(chan struct{}, 1)}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	if err := s.loadPartitions(ctx); err != nil {
		stop()
		c.close()
		return nil, err
	}
	s.spread = make(chan struct{}, 1)
	s.background.Go(func() { s.followPartitions(background) })
	c.listen(s.heard, s.lost)
	if c.scattered() {
		s.background.Go(func() { s.finishOthers(background) })
	}
	return s, nil
}

// lost is told that messages from the channel of a shard may have been missed.
func (s *Store) lost(shard int) {
	s.watchers.lost(&s.parts, shard)
	if shard == catalogShard {
		s.hint(s.spread)
		s.hint(s.news)
	}
}

func (s *Store) hint(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// heard takes a message from the channel of a shard: the IDs of queues that are worth a look, "@" and a revision of the
// definitions, or "#" if a queue has more partitions.
func (s *Store) heard(_ int, payload string) {
	if payload == "#" {
		s.hint(s.spread)
		return
	}
	if revision, ok := strings.CutPrefix(payload, "@"); ok {
		s.announced(revision)
		return
	}
	s.stirred(payload)
}
