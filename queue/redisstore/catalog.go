package redisstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// The definitions all lie in one shard.
const catalogShard = 0

// A definition's record is a version byte, a byte that is 1 for the trace of a deleted one, ID, created, revision, created at and
// modified at (milliseconds since 1970, 0 for not known), the owner as uvarint length and bytes, the value, and a CRC-32C over
// table, name and all that.
const (
	catalogVersion = 1
	catalogFixed   = 2 + 5*8
)

// catalogName is the field under which a definition is kept.
func catalogName(r *catalog.Record) string { return r.Table + "\x00" + r.Name.String() }

func putCatalog(name string, r *catalog.Record, revision uint64) []byte {
	b := make([]byte, 2, catalogFixed+binary.MaxVarintLen64+len(r.Owner)+len(r.Value)+4)
	b[0] = catalogVersion
	if r.Deleted {
		b[1] = 1
	}
	for _, n := range [...]uint64{r.ID, r.Created, revision, uint64(unix(r.CreatedAt)), uint64(unix(r.ModifiedAt))} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = appendString(b, r.Owner)
	if !r.Deleted {
		b = append(b, r.Value...)
	}
	return binary.BigEndian.AppendUint32(b, catalogCRC(name, b))
}

// unix is a time in milliseconds, 0 for none.
func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func catalogCRC(name string, b []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte(name), castagnoli), castagnoli, b)
}

func parseCatalog(name, text string) (r catalog.Record, err error) {
	table, key, ok := strings.Cut(name, "\x00")
	bad := func(what string) (catalog.Record, error) {
		return catalog.Record{}, fmt.Errorf("definition %s %s: %s: %w", table, key, what, queue.ErrCorrupt)
	}
	b := []byte(text)
	if !ok || len(b) < catalogFixed+1+4 || b[0] < 1 {
		return bad("not a definition record")
	}
	b, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if catalogCRC(name, b) != sum {
		return bad("checksum mismatch")
	}
	if b[0] > catalogVersion {
		return catalog.Record{}, fmt.Errorf("definition %s %s: %w: its version is %d, this release reads up to %d", table, key,
			queue.ErrNewerFormat, b[0], catalogVersion)
	}
	r.Table, r.Deleted = table, b[1] == 1
	if r.Name, err = catalog.ParseName(key); err != nil {
		return bad(err.Error())
	}
	u := func(i int) uint64 { return binary.BigEndian.Uint64(b[2+8*i:]) }
	r.ID, r.Created, r.Revision = u(0), u(1), u(2)
	r.CreatedAt, r.ModifiedAt = timeOf(int64(u(3))), timeOf(int64(u(4)))
	rest := reader{b: b[catalogFixed:]}
	r.Owner = string(rest.bytes())
	if rest.bad {
		return bad("can not be decoded")
	}
	if !r.Deleted {
		r.Value = rest.b
	}
	return r, nil
}

// Load implements [catalog.Backend]. What is committed meanwhile is in it.
func (s *Store) Load(ctx context.Context, yield func(catalog.Record) error) (revision, lastID uint64, err error) {
	if err := s.begin(ctx); err != nil {
		return 0, 0, err
	}
	defer s.end()
	// A record that changes meanwhile comes again later.
	records := map[string]catalog.Record{}
	read, err := s.changes(ctx, 0, func(name string, r catalog.Record) { records[name] = r })
	if err != nil {
		return 0, 0, err
	}
	s.marked.Store(&read.now)
	for _, r := range records {
		if r.Deleted {
			continue
		}
		if err := yield(r); err != nil {
			return 0, 0, err
		}
	}
	return read.now.revision, read.lastID, nil
}

// mark is what a commit has left with its revision, so that it can be told from another commit that got the same number after
// a failover had lost the first.
type mark struct {
	revision uint64
	text     string
}

// LoadSince implements [catalog.Shared].
func (s *Store) LoadSince(ctx context.Context, since uint64, yield func(catalog.Record) error) (revision, lastID uint64, err error) {
	if err := s.begin(ctx); err != nil {
		return 0, 0, err
	}
	defer s.end()
	records := map[string]catalog.Record{}
	known := s.marked.Load()
	read, err := s.changes(ctx, since, func(name string, r catalog.Record) { records[name] = r })
	if err != nil {
		return 0, 0, err
	}
	if since < read.floor || read.now.revision < since || known != nil && known.revision == since && known.text != read.since {
		return 0, 0, catalog.ErrCompacted
	}
	s.marked.Store(&read.now)
	for _, r := range records {
		if err := yield(r); err != nil {
			return 0, 0, err
		}
	}
	return read.now.revision, read.lastID, nil
}

// changesLimit is about how many records one call reads.
const changesLimit = 500

// changed is what is read with changes.
type changed struct {
	lastID, floor uint64
	now           mark
	since         string // the mark of the revision since which they were asked for
}

// changes reads the records, traces included, whose revision is above since, in the order of their revisions.
func (s *Store) changes(ctx context.Context, since uint64, f func(name string, r catalog.Record)) (found changed, err error) {
	for first := true; ; first = false {
		reply, err := s.call(ctx, catalogShard, "changes", read, s.c.tag(catalogShard), strconv.FormatUint(since, 10), changesLimit)
		if err != nil {
			return changed{}, err
		}
		a := answerOf(reply)
		found.now.revision, found.lastID, found.floor = uint64(a.number()), uint64(a.number()), uint64(a.number())
		from := a.text()
		if found.now.text = a.text(); first {
			found.since = from
		}
		reached := uint64(a.number())
		for a.more() {
			name, text := a.text(), a.text()
			if a.err != nil {
				break
			}
			r, err := parseCatalog(name, text)
			if err != nil {
				return changed{}, err
			}
			f(name, r)
		}
		if a.err != nil {
			return changed{}, fmt.Errorf("loading definitions: %w", a.err)
		}
		if reached >= found.now.revision || reached <= since {
			return found, nil
		}
		since = reached
	}
}

// Commit implements [catalog.Backend]. It returns when every node that follows has the definitions; see Follow.
func (s *Store) Commit(ctx context.Context, revision, lastID uint64, records []catalog.Record) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	args := make([]any, 4, 4+3*len(records))
	mine := mark{revision, uuid.NewString()}
	args[0], args[1], args[2], args[3] = s.c.tag(catalogShard), strconv.FormatUint(revision, 10), strconv.FormatUint(lastID, 10), mine.text
	for i := range records {
		r := &records[i]
		name := catalogName(r)
		deleted := 0
		if r.Deleted {
			deleted = 1
		}
		args = append(args, name, putCatalog(name, r, revision), deleted)
	}
	if _, err := s.call(ctx, catalogShard, "commit", durable, args...); err != nil {
		return err
	}
	s.marked.Store(&mine)
	return s.awaitNodes(ctx, revision)
}

// Restore implements [catalog.Restorer].
func (s *Store) Restore(ctx context.Context, revision, lastID uint64, records []catalog.Record) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	args := make([]any, 3, 3+3*len(records))
	args[0], args[1], args[2] = s.c.tag(catalogShard), strconv.FormatUint(revision, 10), strconv.FormatUint(lastID, 10)
	for i := range records {
		r := &records[i]
		name := catalogName(r)
		args = append(args, name, putCatalog(name, r, r.Revision), strconv.FormatUint(r.Revision, 10))
	}
	_, err := s.call(ctx, catalogShard, "restore", durable, args...)
	return err
}
