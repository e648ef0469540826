package redisstore

import (
	"context"
	"fmt"
	"strconv"

	"github.com/signalbox-mq/signalbox/queue"
)

// A publish to tens of thousands of queues, or of hundreds of MiB, would keep Redis from everything else for seconds if it were
// one call. So it is appended in pieces, one after the other, in the way in which an append goes to several shards of a cluster and
// with the same promise: if it succeeds all queues have it; after an error some may have it, and with a token a repetition does
// what is missing and nothing twice. To refuse it instead would take away from topics and buses what they can do on the
// embedded store.
//
// All that goes to one queue is in one piece, so that what is for one queue alone is all or nothing as ever; no caller sends
// much to one. In which piece a queue is follows from its ID and from how many pieces there are. How many the first call under a
// token had is written down, so that a repetition that differs, as there are other subscriptions by now, has the same.
const (
	// pieceEntries and pieceBytes are from where on there is more than one piece, and about what a piece is at most.
	pieceEntries = 1000
	pieceBytes   = 8 << 20
	// maxPieces bounds how many there are.
	maxPieces = 4096
)

// weigh returns in how many pieces entries are to be appended, and whether they are so many that another call under the same token
// may have had more than one.
func weigh(entries []placed) (pieces int, near bool) {
	size := 0
	for i := range entries {
		size += entries[i].Message.Size()
	}
	pieces = 1
	if len(entries) > pieceEntries || size > pieceBytes {
		// Half as much as there may be in each, since they are not of the same size.
		for pieces < maxPieces && (len(entries) > pieces*pieceEntries/2 || size > pieces*pieceBytes/2) {
			pieces *= 2
		}
	}
	return pieces, len(entries) > pieceEntries/2 || size > pieceBytes/2
}

// pieceOf returns in which of so many pieces a queue is: the same on all nodes and in all releases.
func pieceOf(id queue.ID, pieces int) int {
	return int((uint64(id) * 0x9e3779b97f4a7c15) >> 32 % uint64(pieces))
}

// split puts entries, given by their indexes, into pieces, and leaves those out that are empty. The order of the entries is kept.
func split(entries []placed, indexes []int, pieces int) map[int][]int {
	parts := map[int][]int{}
	for _, i := range indexes {
		k := pieceOf(entries[i].Queue, pieces)
		parts[k] = append(parts[k], i)
	}
	return parts
}

// pieceToken is the token of one piece, from that of the call.
func pieceToken(token string, piece, pieces int) string {
	if token == "" || pieces == 1 {
		return token
	}
	return fmt.Sprintf("piece %d of %d of %s", piece, pieces, token)
}

// appendBegun is an append under a token that has begun.
type appendBegun struct {
	pieces int
	// before says that another call under the token has begun before.
	before bool
}

// beginAppend writes down that an append under a token begins, and in how many pieces, unless another call has done so before.
func (s *Store) beginAppend(ctx context.Context, req queue.AppendRequest, pieces int) (b appendBegun, err error) {
	home := nameShard(req.Token)
	plan := s.c.tag(home) + ":p:" + digest(req.Token)
	once := func(key, results string) (string, error) {
		reply, err := s.call(ctx, home, "once", durable|idempotent, s.time(req.Now), key, millis(req.TokenWindow), req.Digest, results)
		text, _ := reply.(string)
		return text, err
	}
	known := ""
	if pieces > 1 || !s.c.scattered() {
		if known, err = once(plan, strconv.Itoa(pieces)); err != nil {
			return b, err
		}
	}
	if s.c.scattered() {
		begun, err := once(s.resultsKey(req.Token), "")
		if err != nil {
			return b, err
		}
		b.before = begun != ""
		if b.before && pieces == 1 {
			reply, err := s.call(ctx, home, "done", read, s.time(req.Now), plan, req.Digest)
			if err != nil {
				return b, err
			}
			known, _ = reply.(string)
		}
	}
	if known != "" {
		b.before = true
		if pieces, err = strconv.Atoi(known); err != nil || pieces < 1 || pieces > maxPieces {
			return b, fmt.Errorf("pieces of an append: %w", queue.ErrCorrupt)
		}
	}
	b.pieces = pieces
	return b, nil
}

// resultsKey is the key of what an append under a token has answered that was more than one call: where there is one place for all
// shards it is the key that an append in one call has, so that each finds what the other has done.
func (s *Store) resultsKey(token string) string {
	if !s.c.scattered() {
		return s.tokenKey(0, token)
	}
	return s.c.tag(nameShard(token)) + ":T:" + digest(token)
}

// putTexts writes results as the function append does: 33 bytes each.
func putTexts(results []queue.Appended) []byte {
	b := make([]byte, 0, 33*len(results))
	for _, r := range results {
		b = append(append(b, r.ID[:]...), hex16(r.Sequence)...)
		if r.Duplicate {
			b = append(b, '1')
		} else {
			b = append(b, '0')
		}
	}
	return b
}

// textResults reads what putTexts writes.
func textResults(text string) (queue.AppendResult, error) {
	res := queue.AppendResult{Repeated: true}
	for ; len(text) >= 33; text = text[33:] {
		var r queue.Appended
		copy(r.ID[:], text)
		sequence, err := parse16(text[16:32])
		if err != nil {
			return queue.AppendResult{}, fmt.Errorf("results of a token: %w", err)
		}
		r.Sequence, r.Duplicate = sequence, text[32] == '1'
		res.Results = append(res.Results, r)
	}
	if text != "" {
		return queue.AppendResult{}, fmt.Errorf("results of a token: %w", queue.ErrCorrupt)
	}
	return res, nil
}
