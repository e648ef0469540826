package native

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/topic"
)

// message is the body of a request that sends or publishes one. Its slices may be parts of the request's body.
type message struct {
	Body       []byte
	Subject    string
	Attributes []queue.Attribute
	Group      string
	DedupID    string
	// Delay is nil unless it was given.
	Delay *duration.Duration
}

// The members that one of the two requests has and the other has not.
const (
	memberDelay   = "delay"
	memberSubject = "subject"
)

// readMessage reads a message; own is the member that the kind of request has for itself.
func readMessage(body []byte, own string) (message, error) {
	var m message
	r := reader{data: body}
	err := r.document(func(name string) (err error) {
		switch name {
		case "body":
			m.Body, err = r.bytes(name)
			return err
		case "attributes":
			m.Attributes, err = r.attributes(name)
			return err
		case "group":
			return r.text(name, &m.Group)
		case "dedup_id":
			return r.text(name, &m.DedupID)
		}
		switch {
		case name == memberDelay && own == name:
			var delay duration.Duration
			given, err := r.duration(name, &delay)
			if given {
				m.Delay = &delay
			}
			return err
		case name == memberSubject && own == name:
			return r.text(name, &m.Subject)
		}
		return unknown("", name)
	})
	if err == nil && m.Body == nil {
		err = &badRequest{"body", "is required"}
	}
	return m, err
}

type sent struct {
	ID        string `json:"id"`
	Duplicate bool   `json:"duplicate,omitempty"`
}

// refused puts an error about the only message of a request into the words of the request: the packages below count
// messages and attributes, the request has one message and attributes by name.
func (m *message) refused(err error) error {
	if errors.Is(err, queue.ErrTokenReused) {
		return fmt.Errorf("%w: dedup_id was given to another message less than five minutes ago", queue.ErrTokenReused)
	}
	var field, reason string
	if e, ok := errors.AsType[*queue.InvalidError](err); ok {
		field, reason = e.Field, e.Reason
	} else if e, ok := errors.AsType[*topic.InvalidError](err); ok {
		field, reason = e.Field, e.Reason
	} else {
		return err
	}
	field = strings.TrimPrefix(field, "messages[0].")
	if field == "body" { // any bytes are a body, so all that can be wrong with one is its size
		return fmt.Errorf("%w: body %s", errMessageTooLarge, reason)
	}
	rest, ok := strings.CutPrefix(field, "attributes[")
	index, member, closed := strings.Cut(rest, "].")
	i, err := strconv.Atoi(index)
	switch {
	case !ok || !closed || err != nil || i >= len(m.Attributes):
		return &badRequest{field, reason}
	case member == "name":
		return &badRequest{"attributes", "name " + reason}
	default:
		return &badRequest{inside("attributes", m.Attributes[i].Name) + "." + member, reason}
	}
}
