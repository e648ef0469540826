package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/signalbox-mq/signalbox/queue"
)

var _ queue.Importer = (*Store)(nil)

// Exists says whether a directory holds a store. That it can be opened it does not say.
func Exists(fs vfs.FS, dir string) (bool, error) {
	names, err := fs.List(dir)
	if err != nil {
		if errors.Is(err, iofs.ErrNotExist) {
			return false, nil
		}
		return false, fmt.Errorf("data directory: %w", err)
	}
	return slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "marker.format-version.") }), nil
}

// checkImport refuses a store to which a migration has not ended.
func (s *Store) checkImport() error {
	if s.opts.Unfinished {
		return nil
	}
	from, err := (&tx{s: s}).getCopy([]byte{spaceImport})
	if err != nil || from == nil {
		return err
	}
	return unfinished(from)
}

func unfinished(from []byte) error {
	return fmt.Errorf("%w: it holds a part of %s", queue.ErrUnfinished, from)
}

// BeginImport implements [queue.Importer].
func (s *Store) BeginImport(ctx context.Context, from string, restart bool) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	t := s.begintx(false)
	defer t.close()
	mark, err := t.getCopy([]byte{spaceImport})
	switch {
	case err != nil:
		return err
	case mark != nil && !restart:
		return unfinished(mark)
	case mark != nil:
		if err := t.eraseAll(); err != nil {
			return err
		}
	default:
		if err := s.empty(ctx, t); err != nil {
			return err
		}
	}
	if err := t.set([]byte{spaceImport}, []byte(from)); err != nil {
		return err
	}
	if _, err := t.commit(true); err != nil {
		return err
	}
	return t.wait()
}

// empty fails unless the store holds no definitions and no queues.
func (s *Store) empty(ctx context.Context, t *tx) error {
	revision, _, err := t.catalogMeta()
	if err != nil {
		return err
	}
	ids, err := s.listQueues(ctx, true)
	if err != nil {
		return err
	}
	if revision != 0 || len(ids) > 0 {
		return queue.ErrNotEmpty
	}
	return nil
}

// eraseAll removes everything but the format.
func (t *tx) eraseAll() error {
	if err := t.b.DeleteRange([]byte{0}, []byte{0xff}, nil); err != nil {
		return err
	}
	if err := t.set([]byte{spaceFormat}, binary.BigEndian.AppendUint32(nil, formatVersion)); err != nil {
		return err
	}
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	clear(t.s.lanes)
	return nil
}

// EndImport implements [queue.Importer].
func (s *Store) EndImport(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	t := s.begintx(false)
	defer t.close()
	if err := t.delete([]byte{spaceImport}); err != nil {
		return err
	}
	if _, err := t.commit(true); err != nil {
		return err
	}
	return t.wait()
}
