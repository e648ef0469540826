package pebblestore

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// A catalogRecord is a version byte, ID, created, revision, created at and modified at (milliseconds since 1970, 0 for not
// known), the owner as uvarint length and bytes, the value, and a CRC-32C over the key and all that. Version 1 had no times;
// it is still read, and becomes a version 2 when the record is next written. The C record is a version byte (1), revision, last
// ID and a CRC-32C.

const catalogVersion = 2

const catalogMetaSize = 1 + 8 + 8 + 4

// Load implements [catalog.Backend].
func (s *Store) Load(ctx context.Context, yield func(catalog.Record) error) (revision, lastID uint64, err error) {
	if err := s.begin(ctx); err != nil {
		return 0, 0, err
	}
	defer s.end()
	return s.loadCatalog(ctx, yield)
}

func (s *Store) loadCatalog(ctx context.Context, yield func(catalog.Record) error) (revision, lastID uint64, err error) {
	s.catalogMu.Lock()
	defer s.catalogMu.Unlock()
	t := &tx{s: s}
	if revision, lastID, err = t.catalogMeta(); err != nil {
		return 0, 0, err
	}
	it, err := t.iter([]byte{spaceCatalog}, []byte{spaceCatalog + 1})
	if err != nil {
		return 0, 0, err
	}
	defer closeIter(it, &err)
	for ok := it.First(); ok; ok = it.Next() {
		r, err := parseCatalog(it.Key(), it.Value())
		if err != nil {
			return 0, 0, err
		}
		if err := yield(r); err != nil {
			return 0, 0, err
		}
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
	}
	return revision, lastID, nil
}

// Commit implements [catalog.Backend].
func (s *Store) Commit(ctx context.Context, revision, lastID uint64, records []catalog.Record) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	t := s.begintx(false)
	defer t.close()
	if err := t.commitCatalog(revision, lastID, records); err != nil {
		return err
	}
	return t.wait()
}

func (t *tx) commitCatalog(revision, lastID uint64, records []catalog.Record) error {
	t.s.catalogMu.Lock()
	defer t.s.catalogMu.Unlock()
	current, _, err := t.catalogMeta()
	if err != nil {
		return err
	}
	if current+1 != revision {
		return catalog.ErrConflict
	}
	for i := range records {
		r := &records[i]
		key := keyCatalog(r.Table, r.Name.String())
		if r.Deleted {
			err = t.delete(key)
		} else {
			err = t.set(key, putCatalog(key, r, revision))
		}
		if err != nil {
			return err
		}
	}
	if err := t.putCatalogMeta(revision, lastID); err != nil {
		return err
	}
	_, err = t.commit(true)
	return err
}

// Restore implements [catalog.Restorer].
func (s *Store) Restore(ctx context.Context, revision, lastID uint64, records []catalog.Record) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	t := s.begintx(false)
	defer t.close()
	if err := t.restoreCatalog(revision, lastID, records); err != nil {
		return err
	}
	return t.wait()
}

func (t *tx) restoreCatalog(revision, lastID uint64, records []catalog.Record) error {
	t.s.catalogMu.Lock()
	defer t.s.catalogMu.Unlock()
	current, _, err := t.catalogMeta()
	if err != nil {
		return err
	}
	if current != 0 {
		return catalog.ErrConflict
	}
	for i := range records {
		r := &records[i]
		key := keyCatalog(r.Table, r.Name.String())
		if err := t.set(key, putCatalog(key, r, r.Revision)); err != nil {
			return err
		}
	}
	if revision != 0 {
		if err := t.putCatalogMeta(revision, lastID); err != nil {
			return err
		}
	}
	_, err = t.commit(true)
	return err
}

func (t *tx) putCatalogMeta(revision, lastID uint64) error {
	b := append(t.val[:0], 1)
	b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, revision), lastID)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crcTable()))
	return t.set([]byte{spaceCatalogMeta}, b)
}

func (t *tx) catalogMeta() (revision, lastID uint64, err error) {
	v, closer, err := t.get([]byte{spaceCatalogMeta})
	if err != nil || closer == nil {
		return 0, 0, err
	}
	defer closer.Close()
	if msg := checked(v, catalogMetaSize); msg != "" {
		return 0, 0, corrupt(0, 0, "catalog: "+msg)
	}
	r := reader{b: v[1:]}
	return r.u64(), r.u64(), nil
}

func putCatalog(key []byte, r *catalog.Record, revision uint64) []byte {
	b := make([]byte, 0, 1+5*8+stringLen(len(r.Owner))+len(r.Value)+4)
	b = append(b, catalogVersion)
	b = binary.BigEndian.AppendUint64(b, r.ID)
	b = binary.BigEndian.AppendUint64(b, r.Created)
	b = binary.BigEndian.AppendUint64(b, revision)
	b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, uint64(millis(r.CreatedAt))), uint64(millis(r.ModifiedAt)))
	b = appendString(b, r.Owner)
	b = append(b, r.Value...)
	return binary.BigEndian.AppendUint32(b, catalogCRC(key, b))
}

func catalogCRC(key, b []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, crcTable()), crcTable(), b)
}

func parseCatalog(key, v []byte) (rec catalog.Record, err error) {
	bad := func(what string) (catalog.Record, error) {
		return catalog.Record{}, corrupt(queue.ID(0), 0, "definition "+string(key[1:])+": "+what)
	}
	table, name, ok := bytes.Cut(key[1:], []byte{0})
	if !ok {
		return bad("its key")
	}
	if len(v) < 1+3*8+1+4 || v[0] < 1 {
		return bad("not a definition record")
	}
	v, sum := v[:len(v)-4], binary.BigEndian.Uint32(v[len(v)-4:])
	if catalogCRC(key, v) != sum {
		return bad("checksum mismatch")
	}
	if v[0] > catalogVersion {
		return catalog.Record{}, fmt.Errorf("definition %s: %w: its version is %d, this release reads up to %d",
			key[1:], queue.ErrNewerFormat, v[0], catalogVersion)
	}
	rec.Table = string(table)
	if rec.Name, err = catalog.ParseName(string(name)); err != nil {
		return bad(err.Error())
	}
	r := reader{b: v[1:]}
	rec.ID, rec.Created, rec.Revision = r.u64(), r.u64(), r.u64()
	if v[0] > 1 {
		rec.CreatedAt, rec.ModifiedAt = timeOf(r.i64()), timeOf(r.i64())
	}
	rec.Owner = string(r.bytes())
	if r.bad {
		return bad("can not be decoded")
	}
	rec.Value = append([]byte(nil), r.b...)
	return rec, nil
}

func discard(catalog.Record) error { return nil }
