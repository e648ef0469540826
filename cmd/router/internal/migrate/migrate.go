// Package migrate copies all that a store holds to another one: definitions, and the messages of every queue.
package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Source is a store that is copied. Nothing is changed in it.
type Source interface {
	queue.Store
	queue.Lister
	catalog.Backend
}

// Target is a store that is copied to.
type Target interface {
	queue.Store
	queue.Importer
	catalog.Restorer
}

// Options are what a migration is told.
type Options struct {
	// From says what the source is, for people who find the target half full.
	From string
	// Restart erases first what a migration that was broken off has left in the target.
	Restart bool
	// Ahead is how far the source's time is ahead of this process's clock; zero for a clock that is right.
	Ahead time.Duration
	// Idle, when set, returns an error if a router uses one of the stores. It is asked at the start and at the end.
	Idle func(context.Context) error
	// Progress is told what was done so far, every second; nil for nobody.
	Progress func(Report)
}

// Report is what was, or is to be, copied.
type Report struct {
	Definitions int
	// Queues counts those that hold messages. Of those, Done were copied.
	Queues, Done int
	// Messages and Bytes are what the source holds: bodies and attributes. Copied is how many of the messages were copied.
	Messages, Bytes, Copied int64
	// Logs is how many of the Messages are entries of logs; InFlight were leased, and are delayed now until their leases would
	// have ended.
	Logs, InFlight int64
	Took           time.Duration
}

// MismatchError says that what is in the target is not what was read from the source.
type MismatchError struct{ Queues []string }

func (e *MismatchError) Error() string {
	return fmt.Sprintf("the copy differs from the source: %v", e.Queues)
}

const (
	// A page is what is read and appended at once.
	pageMessages = 200
	pageBytes    = 4 << 20
	// restorePage is how many definitions are written at once, restoreBytes about how many bytes.
	restorePage  = 1000
	restoreBytes = 4 << 20

	progressEvery = time.Second
)

// found is a queue of the source that holds messages.
type found struct {
	id    queue.ID
	kind  queue.Kind
	stats queue.Stats
}

// migration is one in progress.
type migration struct {
	Options
	from    Source
	to      Target
	begun   time.Time
	told    time.Time
	records []catalog.Record
	// revision and last are the catalog's.
	revision, last uint64
	queues         []found
	report         Report
	mismatches     []string
}

// Count returns what a migration would copy.
func Count(ctx context.Context, from Source, opts Options) (Report, error) {
	m := &migration{Options: opts, from: from}
	if err := m.survey(ctx); err != nil {
		return m.report, err
	}
	return m.report, nil
}

// Run copies. The target must be empty, or one where a migration was broken off if Options.Restart is set. Definitions keep their
// IDs, revisions, owners and times. They are written last, so that a target that has them has everything; then the target's
// mark is removed, without which no router opens it. After an error the target keeps the mark, and the source is as it was.
func Run(ctx context.Context, from Source, to Target, opts Options) (Report, error) {
	m := &migration{Options: opts, from: from, to: to, begun: time.Now(), told: time.Now()}
	err := m.run(ctx)
	m.report.Took = time.Since(m.begun)
	return m.report, err
}

func (m *migration) run(ctx context.Context) error {
	if err := m.idle(ctx); err != nil {
		return err
	}
	if err := m.survey(ctx); err != nil {
		return fmt.Errorf("reading the source: %w", err)
	}
	if err := m.to.BeginImport(ctx, m.From, m.Restart); err != nil {
		return fmt.Errorf("the target: %w", err)
	}
	if err := m.spread(ctx); err != nil {
		return err
	}
	for _, q := range m.queues {
		if err := m.copy(ctx, q); err != nil {
			return fmt.Errorf("queue %s: %w", m.name(q.id), err)
		}
		m.report.Done++
	}
	m.tell()
	if err := m.verify(ctx); err != nil {
		return err
	}
	if err := m.idle(ctx); err != nil {
		return err
	}
	if err := m.restore(ctx); err != nil {
		return fmt.Errorf("definitions: %w", err)
	}
	if err := m.to.EndImport(ctx); err != nil {
		return fmt.Errorf("the target: %w", err)
	}
	return nil
}

func (m *migration) idle(ctx context.Context) error {
	if m.Idle == nil {
		return nil
	}
	return m.Idle(ctx)
}

// now is the source's time.
func (m *migration) now() time.Time { return time.Now().Add(m.Ahead) }

// survey reads the definitions and finds the queues.
func (m *migration) survey(ctx context.Context) (err error) {
	m.revision, m.last, err = m.from.Load(ctx, func(r catalog.Record) error {
		r.Value = slices.Clone(r.Value)
		m.records = append(m.records, r)
		return nil
	})
	if err != nil {
		return err
	}
	m.report.Definitions = len(m.records)
	ids, err := m.from.Queues(ctx)
	if err != nil {
		return err
	}
	slices.Sort(ids)
	for _, id := range ids {
		if err := m.look(ctx, id); err != nil {
			return fmt.Errorf("queue %s: %w", m.name(id), err)
		}
	}
	m.report.Queues = len(m.queues)
	return nil
}

// look notes a queue if it holds something.
func (m *migration) look(ctx context.Context, id queue.ID) error {
	stats, err := m.from.Stats(ctx, m.now(), []queue.ID{id})
	if err != nil {
		return err
	}
	q := found{id: id, stats: stats[0]}
	if q.stats.Total() == 0 {
		return nil
	}
	for q.kind = queue.Standard; ; q.kind++ {
		// What kind it is, only its owner knows, but a scan of another kind is refused.
		_, err := m.from.Scan(ctx, queue.ScanRequest{Now: m.now(), Queue: id, Kind: q.kind, Limit: 1})
		if err == nil {
			break
		}
		if !errors.Is(err, queue.ErrKind) || q.kind == queue.Log {
			return err
		}
	}
	m.queues = append(m.queues, q)
	m.report.Messages += q.stats.Total()
	m.report.Bytes += q.stats.Bytes
	m.report.InFlight += q.stats.InFlight
	if q.kind == queue.Log {
		m.report.Logs += q.stats.Total()
	}
	return nil
}

// spread gives the target's queues their partitions, which a FIFO queue can not get once it has messages.
func (m *migration) spread(ctx context.Context) error {
	spreader, ok := m.to.(queue.Spreader)
	if !ok {
		return nil
	}
	for _, r := range m.records {
		if r.Table != queue.Table {
			continue
		}
		var def struct {
			queue.Definition
			Partitions int `json:"partitions"`
		}
		if err := json.Unmarshal(r.Value, &def); err != nil {
			return fmt.Errorf("definition of queue %s: %w", r.Name, err)
		}
		if def.Partitions > 1 {
			if err := spreader.Spread(ctx, queue.IDFor(r.ID, queue.Own), def.Kind(), def.Partitions); err != nil {
				return fmt.Errorf("queue %s: %w", r.Name, err)
			}
		}
	}
	return nil
}

// name describes a queue for people.
func (m *migration) name(id queue.ID) string {
	record, role := id.RecordID()
	for _, r := range m.records {
		if r.ID == record {
			return fmt.Sprintf("%s %s (%d)", r.Table, r.Name, role)
		}
	}
	return "of no definition, " + strconv.FormatUint(uint64(id), 10)
}

// tell reports progress.
func (m *migration) tell() {
	m.told = time.Now()
	if m.Progress != nil {
		r := m.report
		r.Took = time.Since(m.begun)
		m.Progress(r)
	}
}

// copy copies a queue. The next page is read while one is appended.
func (m *migration) copy(ctx context.Context, q found) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	pages, failed := make(chan []queue.Peeked), make(chan error, 1)
	go func() {
		defer close(pages)
		failed <- m.read(ctx, q, pages)
	}()
	var n, bytes int64
	for page := range pages {
		if err := m.write(ctx, q, page); err != nil {
			stop()
			for range pages { // until the reader has ended
			}
			return err
		}
		for i := range page {
			bytes += int64(page[i].Message.Size())
		}
		n += int64(len(page))
		m.report.Copied += int64(len(page))
		if time.Since(m.told) >= progressEvery {
			m.tell()
		}
	}
	if err := <-failed; err != nil {
		return err
	}
	if n != q.stats.Total() || bytes != q.stats.Bytes {
		m.mismatch(q.id, "%d messages of %d bytes were read, and the source counts %d of %d", n, bytes, q.stats.Total(), q.stats.Bytes)
	}
	return nil
}

func (m *migration) read(ctx context.Context, q found, pages chan<- []queue.Peeked) error {
	req := queue.ScanRequest{Queue: q.id, Kind: q.kind, Limit: pageMessages, MaxBytes: pageBytes}
	for {
		req.Now = m.now()
		res, err := m.from.Scan(ctx, req)
		if err != nil {
			return err
		}
		if len(res.Messages) > 0 {
			select {
			case pages <- res.Messages:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if !res.More {
			return nil
		}
		req.From = res.Next
	}
}

func (m *migration) write(ctx context.Context, q found, page []queue.Peeked) error {
	req := queue.AppendRequest{Now: time.Now(), Entries: make([]queue.Entry, len(page))}
	for i := range page {
		req.Entries[i] = m.entry(q, &page[i])
	}
	res, err := m.to.Append(ctx, req)
	if err != nil {
		return err
	}
	for i := range page {
		if at := page[i].Message.Sequence; q.kind == queue.Log && res.Results[i].Sequence != at {
			m.mismatch(q.id, "entry %d of the log is at %d", at, res.Results[i].Sequence)
		}
	}
	return nil
}

// entry is a message as it is appended to the target. One that is in flight becomes receivable when its lease would have ended.
func (m *migration) entry(q found, p *queue.Peeked) queue.Entry {
	prior := &queue.Prior{
		Receives: p.Message.Receives, FirstReceived: p.Message.FirstReceived, State: p.Message.State,
		Sequence: p.Message.Sequence, Key: p.Key,
	}
	if !p.Due.IsZero() {
		prior.Due = p.Due.Add(-m.Ahead)
	}
	return queue.Entry{Queue: q.id, Kind: q.kind, Message: p.Message, Prior: prior}
}

func (m *migration) mismatch(id queue.ID, format string, args ...any) {
	if len(m.mismatches) < 20 {
		m.mismatches = append(m.mismatches, m.name(id)+": "+fmt.Sprintf(format, args...))
	}
}

// verify compares the counts of all queues.
func (m *migration) verify(ctx context.Context) error {
	for _, q := range m.queues {
		got, err := m.to.Stats(ctx, time.Now(), []queue.ID{q.id})
		if err != nil {
			return fmt.Errorf("verifying queue %s: %w", m.name(q.id), err)
		}
		if s := got[0]; s.Total() != q.stats.Total() || s.Bytes != q.stats.Bytes {
			m.mismatch(q.id, "%d messages of %d bytes, want %d of %d", s.Total(), s.Bytes, q.stats.Total(), q.stats.Bytes)
		}
	}
	if len(m.mismatches) > 0 {
		return &MismatchError{Queues: m.mismatches}
	}
	return nil
}

// restore writes the definitions, a piece at a time; the last makes them count.
func (m *migration) restore(ctx context.Context) error {
	if m.revision == 0 {
		return nil
	}
	for left := m.records; ; {
		n, bytes := 0, 0
		for n < min(len(left), restorePage) && (n == 0 || bytes < restoreBytes) {
			bytes += len(left[n].Value)
			n++
		}
		revision := uint64(0)
		if n == len(left) {
			revision = m.revision
		}
		if err := m.to.Restore(ctx, revision, m.last, left[:n]); err != nil {
			return err
		}
		if left = left[n:]; len(left) == 0 {
			return nil
		}
	}
}

// Write writes a report for people.
func (r Report) Write(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%d definitions, %d queues with %d messages (%d of them in logs), %s\n", r.Definitions, r.Queues, r.Messages, r.Logs, size(r.Bytes))
	if err == nil && r.InFlight > 0 {
		_, err = fmt.Fprintf(w, "%d messages in flight: they can be received again when their leases would have ended\n", r.InFlight)
	}
	return err
}

// Line is a report in progress, for people.
func (r Report) Line() string {
	rate := 0.0
	if s := r.Took.Seconds(); s > 0 {
		rate = float64(r.Copied) / s
	}
	return fmt.Sprintf("%d of %d queues, %d of %d messages, %.0f messages/s", r.Done, r.Queues, r.Copied, r.Messages, rate)
}

func size(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
