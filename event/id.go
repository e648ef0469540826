package event

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// ErrInvalidID is what [IDTime] refuses a text with that is not an event id of ours.
var ErrInvalidID = errors.New("not an event id")

// IDs makes event ids. The zero value is ready, and safe for concurrent use.
//
// An id is a UUIDv7 (RFC 9562) in lower-case text: 48 bits of Unix milliseconds, 12 bits of the
// fraction of the millisecond (method 3 of section 6.2), 62 random bits. Each id is greater than
// the one before, as text and as bytes; those of different nodes interleave by time.
type IDs struct {
	last atomic.Int64 // the upper 60 bits (without the version) of the latest id
}

// maxTicks keeps the millisecond part within its 48 bits.
const maxTicks = 1<<60 - 1

// New returns the next id. Its time is now, unless an id was given out for now or later already:
// then it follows that one by 1/4096 ms, so ids never step back with the clock, and run ahead of it
// only while more than four million a second are asked for or while the clock is behind.
func (g *IDs) New(now time.Time) string {
	// Ticks of 1/4096 ms since 1970; times before that count as 1970.
	ms := max(now.UnixMilli(), 0)
	ticks := min(ms, maxTicks>>12)<<12 | int64(now.Nanosecond()%1e6)<<12/1e6
	for {
		last := g.last.Load()
		next := max(ticks, last+1)
		if g.last.CompareAndSwap(last, next) {
			return formatID(next, rand.Uint64())
		}
	}
}

func formatID(ticks int64, random uint64) string {
	var u uuid.UUID
	binary.BigEndian.PutUint64(u[:8], uint64(ticks>>12)<<16|0x7000|uint64(ticks&0xfff))
	binary.BigEndian.PutUint64(u[8:], random&^(3<<62)|2<<62)
	return u.String()
}

// processIDs is the one mutable variable of the package: that ids increase within the process is a
// property of the process. Tests in virtual time use IDs of their own.
var processIDs IDs

// NewID returns the next event id of this process; see [IDs.New].
func NewID(now time.Time) string { return processIDs.New(now) }

// IDTime returns the time in an event id, in UTC, to the millisecond. The error wraps [ErrInvalidID]
// when id is not a UUIDv7 in its canonical lower-case text.
func IDTime(id string) (time.Time, error) {
	u, err := uuid.Parse(id)
	// Parse also takes urn:, {}, bare hex and upper case; one event has one spelling.
	if err != nil || u.String() != id || u.Version() != 7 || u.Variant() != uuid.RFC4122 {
		return time.Time{}, fmt.Errorf("%w: %q is not a lower-case UUIDv7", ErrInvalidID, shorten(id))
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(u[:8]) >> 16)).UTC(), nil
}
