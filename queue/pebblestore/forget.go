package pebblestore

import (
	"encoding/binary"

	"github.com/signalbox-mq/signalbox/queue"
)

// forgetPiece is how many tokens, deduplication IDs and receive attempts one Expire forgets.
const forgetPiece = 10_000

// expired is one y record whose time has come.
type expired struct {
	key   []byte
	kind  byte     // expiryToken, expiryDedup or expiryAttempt
	queue queue.ID // zero for a token
	hash  h128
}

// forget removes idempotency tokens, deduplication IDs and receive attempts whose window has passed. They do not count any more as it is;
// this frees their space. It is not waited for.
func (s *Store) forget(now int64) error {
	s.expiryMu.Lock()
	defer s.expiryMu.Unlock()
	list, next, err := s.listExpired(now)
	if err != nil {
		return err
	}
	for i := 0; i < len(list); {
		j := i
		for j < len(list) && list[j].queue == list[i].queue && (list[i].queue != 0 || j == i) {
			j++
		}
		if err := s.forgetSome(list[i:j], now); err != nil {
			return err
		}
		i = j
	}
	s.expiryLow = next
	return nil
}

// listExpired lists the y records of minutes that are over, and the minute to go on from.
func (s *Store) listExpired(now int64) (list []expired, next uint64, err error) {
	t := &tx{s: s}
	next = max(s.expiryLow, u64(now)/minute)
	it, err := t.iter(keyExpiry(nil, s.expiryLow), keyExpiry(nil, u64(now)/minute))
	if err != nil {
		return nil, 0, err
	}
	defer closeIter(it, &err)
	for ok := it.First(); ok; ok = it.Next() {
		key := append([]byte(nil), it.Key()...)
		if len(list) == forgetPiece {
			next = binary.BigEndian.Uint64(key[1:])
			break
		}
		e := expired{key: key, kind: key[9], hash: h128(key[len(key)-16:])}
		if e.kind != expiryToken {
			e.queue = queue.ID(binary.BigEndian.Uint64(key[10:]))
		}
		list = append(list, e)
	}
	return list, next, nil
}

// forgetSome removes one token, or what one queue has, under the lock that their writers hold.
func (s *Store) forgetSome(list []expired, now int64) error {
	id := list[0].queue
	if id == 0 {
		mu := &s.tokens[int(list[0].hash[0])%len(s.tokens)]
		mu.Lock()
		defer mu.Unlock()
	} else {
		l := s.lane(id)
		l.mu.Lock()
		defer l.mu.Unlock()
	}
	t := s.begintx(false)
	defer t.close()
	for i := range list {
		e := &list[i]
		key := keyToken(t.key[:0], e.hash)
		switch e.kind {
		case expiryDedup:
			key = keyHash(t.key[:0], id, subDedup, e.hash)
		case expiryAttempt:
			key = keyHash(t.key[:0], id, subAttempt, e.hash)
		}
		v, closer, err := t.get(key)
		if err != nil {
			return err
		}
		if closer != nil {
			var expires int64
			switch e.kind {
			case expiryDedup:
				expires, _, err = parseDedup(v, id)
			case expiryAttempt:
				var a attemptRecord
				a, err = parseAttempt(v, id)
				expires = a.expires
			default:
				expires, _, _, err = parseToken(v)
			}
			if e := closer.Close(); err == nil {
				err = e
			}
			if err == nil && expires <= now { // it may have been used again since
				err = t.delete(key)
			}
		}
		if err == nil {
			err = t.delete(e.key)
		}
		if err != nil {
			return err
		}
	}
	_, err := t.commit(false)
	return err
}
