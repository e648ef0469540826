package native

import (
	"errors"
	"net/http"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// RedriveQueue is POST /v1/queues/{queue}/redrive with an optional {"to": "queue", "rate": 10}: what is in a dead-letter
// queue goes back to where it came from, or to that queue. The answer is the transfer that does it.
func (a *API) RedriveQueue(r *http.Request) (any, error) {
	body, err := readJSON(r)
	if err != nil {
		return nil, err
	}
	var to *catalog.Name
	rate := 0
	if len(body) > 0 {
		if to, rate, err = a.readRedrive(body); err != nil {
			return nil, err
		}
	}
	redrive, err := a.Redrives.Start(r.Context(), a.named(r, "queue"), to, rate)
	if e, ok := errors.AsType[*queue.InvalidError](err); ok && e.Field == "destination" {
		err = &badRequest{"to", e.Reason}
	}
	if err != nil {
		return nil, err
	}
	t, err := a.Transfers.Get(a.name(redrive.ID))
	if err != nil {
		return nil, err
	}
	return created{describeTransfer(&t)}, nil
}

func (a *API) readRedrive(body []byte) (to *catalog.Name, rate int, err error) {
	r := reader{data: body}
	err = r.document(func(name string) error {
		switch name {
		case "to":
			b, err := r.bytes(name)
			if b != nil {
				to = new(a.name(string(b)))
			}
			return err
		case "rate":
			return r.integer(name, &rate)
		}
		return unknown("", name)
	})
	return to, rate, err
}
