package pebblestore

import (
	"encoding/binary"

	"github.com/signalbox-mq/signalbox/queue"
)

// A b record is a CRC-32C over its place and its bytes, and then a piece of a body.

func putChunkCRC(b []byte, q queue.ID, seq uint64, n int) {
	binary.BigEndian.PutUint32(b, valueCRC(placeCRC(q, seq, uint64(n)+1), b[4:]))
}

// readBody puts the body of a chunked message together.
func (t *tx) readBody(q queue.ID, seq uint64, length int) ([]byte, error) {
	body := make([]byte, 0, length)
	for i := range chunks(length) {
		v, closer, err := t.get(keyBody(t.key[:0], q, seq, i))
		if err != nil {
			return nil, err
		}
		if closer == nil {
			return nil, corrupt(q, seq, "a piece of the body is missing")
		}
		ok := len(v) > 4 && binary.BigEndian.Uint32(v) == valueCRC(placeCRC(q, seq, uint64(i)+1), v[4:])
		if ok {
			body = append(body, v[4:]...)
		}
		if err := closer.Close(); err != nil {
			return nil, err
		}
		if !ok {
			return nil, corrupt(q, seq, "a piece of the body is corrupt")
		}
	}
	if len(body) != length {
		return nil, corrupt(q, seq, "the body has another length")
	}
	return body, nil
}

// readMessage reads a whole message from a copy of its record, with its state and a long body.
func (t *tx) readMessage(m *queue.Message, h *messageHeader, record []byte, q queue.ID, seq uint64) error {
	if err := parseMessage(m, h, record, q, seq); err != nil {
		return err
	}
	if h.flags&flagChunked != 0 {
		body, err := t.readBody(q, seq, int(h.body))
		if err != nil {
			return err
		}
		m.Body = body
	}
	return nil
}

// readState reads what a release left with a message.
func (t *tx) readState(m *queue.Message, q queue.ID, seq uint64) (err error) {
	m.State, err = t.getCopy(key1(t.key[:0], q, subState, seq))
	if err == nil && m.State == nil {
		err = corrupt(q, seq, "the message's state is missing")
	}
	return err
}
