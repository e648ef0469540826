package queue

import (
	"errors"
	"fmt"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Conditions that callers branch on. A store wraps them with what it knows; test with errors.Is.
var (
	// ErrNotFound says that no queue has the given name.
	ErrNotFound = errors.New("queue does not exist")
	// ErrExists says that a queue with that name exists with other attributes.
	ErrExists = errors.New("queue already exists with other attributes")
	// ErrDropped says that an incarnation was dropped: its definition was deleted, or deleted and made anew. A caller
	// that holds a definition looks it up again.
	ErrDropped = errors.New("queue was deleted")
	// ErrKind says that the operation does not apply to a queue of that kind.
	ErrKind = errors.New("operation does not apply to this kind of queue")
	// ErrReceiptInvalid says that a text is not a receipt, or is one of another queue.
	ErrReceiptInvalid = errors.New("receipt is not valid")
	// ErrReceiptExpired says that the lease has ended: its deadline passed (FIFO queues), or the message has been
	// received again since.
	ErrReceiptExpired = errors.New("receipt has expired")
	// ErrNotInFlight says that the message of a receipt is gone, or not in flight, where the operation needs it to be.
	ErrNotInFlight = errors.New("message is not in flight")
	// ErrVisibilityLimit says that an extension would keep a message in flight for longer than allowed in total.
	ErrVisibilityLimit = errors.New("total visibility timeout is beyond the limit")
	// ErrOverLimit says that too many messages are in flight.
	ErrOverLimit = errors.New("too many messages in flight")
	// ErrTokenReused says that an idempotency token was used before by a call with other entries.
	ErrTokenReused = errors.New("idempotency token was used for another call")
	// ErrStoreFull says that the store accepts no new messages for lack of space. Settle, Purge and Drop still work.
	ErrStoreFull = errors.New("store is full")
	// ErrStoreClosed says that the store was closed, or has stopped after a fault that it may not survive (a failed
	// fsync). Nothing was acknowledged.
	ErrStoreClosed = errors.New("store is closed")
	// ErrUnavailable says that a store on the network can not be reached, or did not confirm in time what it was asked to. Whether
	// it happened is unknown. Trying again later helps. It is the catalog's, as a store keeps both.
	ErrUnavailable = catalog.ErrUnavailable
	// ErrCorrupt says that a stored record failed its checksum or can not be decoded. Nothing is deleted for it.
	ErrCorrupt = errors.New("stored record is corrupt")
	// ErrNewerFormat says that the data was written by a newer release than this one.
	ErrNewerFormat = errors.New("data has a newer format than this release reads")
	// ErrLocked says that another process has the data directory open.
	ErrLocked = errors.New("data directory is in use by another process")
	// ErrUnfinished says that a store holds a part of what a migration copies, which goes on or was broken off.
	ErrUnfinished = errors.New("a migration to the store has not ended")
	// ErrNotEmpty says that a store holds something where it must not.
	ErrNotEmpty = errors.New("store is not empty")
)

// InvalidError says that a field of a request is not acceptable. Nothing was changed.
type InvalidError struct {
	// Field is the name as in the Go API, in snake case: "delay", "entries[2].group".
	Field string
	// Reason is a sentence without a subject and without a full stop: "must be between 0s and 15m".
	Reason string
}

func (e *InvalidError) Error() string { return e.Field + " " + e.Reason }

// DroppedError names the incarnation that was dropped. It is an [ErrDropped].
type DroppedError struct{ Queue ID }

func (e *DroppedError) Error() string {
	return fmt.Sprintf("queue incarnation %d was deleted", e.Queue)
}

// Unwrap returns [ErrDropped].
func (e *DroppedError) Unwrap() error { return ErrDropped }
