package native

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/httpapi/longpoll"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// SendMessage is POST /v1/queues/{queue}/messages.
func (a *API) SendMessage(r *http.Request) (any, error) {
	body, err := readJSON(r)
	if err != nil {
		return nil, err
	}
	m, err := readMessage(body, memberDelay)
	if err != nil {
		return nil, err
	}
	results, err := a.Broker.Send(r.Context(), a.named(r, "queue"), []queue.Send{{
		Body: m.Body, Attributes: m.Attributes, Group: m.Group, DedupID: m.DedupID, Delay: (*time.Duration)(m.Delay),
	}})
	if err != nil {
		return nil, m.refused(err)
	}
	return sent{ID: results[0].ID.String(), Duplicate: results[0].Duplicate}, nil
}

type received struct {
	ID string `json:"id"`
	text
	Attributes   attributes `json:"attributes"`
	Group        string     `json:"group,omitempty"`
	Receipt      string     `json:"receipt"`
	ReceiveCount int        `json:"receive_count"`
	SentAt       time.Time  `json:"sent_at"`
}

type receivedMessages struct {
	Messages []received `json:"messages"`
}

// ReceiveMessages is POST /v1/queues/{queue}/messages/receive?max=10&wait=20s&visibility=30s.
func (a *API) ReceiveMessages(r *http.Request) (any, error) {
	req, err := receiveRequest(r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := longpoll.Until(r.Context())
	defer cancel()
	messages, err := a.Broker.Receive(ctx, a.named(r, "queue"), req)
	if err != nil && longpoll.Stopped(ctx) {
		err = nil // the server stops: the poll ends as if its wait were over
	}
	if err != nil {
		return nil, err
	}
	answer := receivedMessages{Messages: make([]received, len(messages))}
	for i := range messages {
		m := &messages[i]
		answer.Messages[i] = received{
			ID: m.ID.String(), text: bodyText(m.Body), Attributes: attributes(m.Attributes), Group: m.Group,
			Receipt: m.Receipt.String(), ReceiveCount: m.Receives, SentAt: m.Sent,
		}
	}
	return answer, nil
}

func receiveRequest(r *http.Request) (queue.Receive, error) {
	req := queue.Receive{Max: 1}
	given, err := parameters(r, "max", "wait", "visibility")
	if err != nil {
		return req, err
	}
	if v, ok := given["max"]; ok {
		if req.Max, err = strconv.Atoi(v); err != nil {
			return req, &badRequest{"max", fmt.Sprintf("must be a whole number, not %q", clip(v))}
		}
	}
	for name, to := range map[string]**time.Duration{"wait": &req.Wait, "visibility": &req.Visibility} {
		if v, ok := given[name]; ok {
			d, err := parseDuration(name, v)
			if err != nil {
				return req, err
			}
			*to = (*time.Duration)(&d)
		}
	}
	return req, nil
}

// parameters returns what the query has, each of the known ones at most once and no others.
func parameters(r *http.Request, known ...string) (map[string]string, error) {
	if r.URL.RawQuery == "" {
		return nil, nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &badRequest{"query", "of the URL is malformed: " + clip(err.Error())}
	}
	given := make(map[string]string, len(query))
	for name, values := range query {
		switch {
		case !slices.Contains(known, name):
			return nil, &badRequest{clip(name), "is not a known parameter; known here: " + strings.Join(known, ", ")}
		case len(values) > 1:
			return nil, &badRequest{name, "is given twice"}
		}
		given[name] = values[0]
	}
	return given, nil
}

// DeleteMessage is DELETE /v1/queues/{queue}/messages/{receipt}. Success means that the message is gone.
func (a *API) DeleteMessage(r *http.Request) (any, error) {
	errs, err := a.Broker.Acknowledge(r.Context(), a.named(r, "queue"), []string{pathVariable(r, "receipt")})
	if err != nil {
		return nil, err
	}
	return nil, errs[0]
}

// ChangeVisibility is PATCH /v1/queues/{queue}/messages/{receipt}: the message is hidden for that long from now on, or with
// 0 given back.
func (a *API) ChangeVisibility(r *http.Request) (any, error) {
	body, err := readJSON(r)
	if err != nil {
		return nil, err
	}
	visibility, err := readVisibility(body)
	if err != nil {
		return nil, err
	}
	errs, err := a.Broker.ChangeVisibility(r.Context(), a.named(r, "queue"), []queue.VisibilityChange{
		{Receipt: pathVariable(r, "receipt"), Visibility: time.Duration(visibility)},
	})
	if err != nil {
		return nil, err
	}
	return nil, errs[0]
}

func readVisibility(body []byte) (visibility duration.Duration, err error) {
	r := reader{data: body}
	given := false
	err = r.document(func(name string) (err error) {
		if name != "visibility" {
			return unknown("", name)
		}
		given, err = r.duration(name, &visibility)
		return err
	})
	if err == nil && !given {
		err = &badRequest{"visibility", "is required"}
	}
	return visibility, err
}

type queueStats struct {
	Name       string           `json:"name"`
	Definition queue.Definition `json:"definition"`
	// DeclaredBy is the file that declares the queue, empty for one made through an API.
	DeclaredBy string    `json:"declared_by,omitempty"`
	Ready      int64     `json:"ready"`
	Delayed    int64     `json:"delayed"`
	InFlight   int64     `json:"in_flight"`
	Bytes      int64     `json:"bytes"`
	OldestSent time.Time `json:"oldest_sent_at,omitzero"`
	Expired    int64     `json:"expired_total"`
}

// describe counts the messages of queues, all at once.
func (a *API) describe(r *http.Request, queues ...queue.Queue) ([]queueStats, error) {
	ids := make([]queue.ID, len(queues))
	for i := range queues {
		ids[i] = queues[i].ID
	}
	stats, err := a.Broker.Store().Stats(r.Context(), a.Broker.Now(), ids)
	if err != nil {
		return nil, err
	}
	out := make([]queueStats, len(queues))
	for i, q := range queues {
		s := &stats[i]
		out[i] = queueStats{
			Name: q.Name.Name, Definition: q.Definition, DeclaredBy: q.Owner,
			Ready: s.Ready, Delayed: s.Delayed, InFlight: s.InFlight, Bytes: s.Bytes, OldestSent: s.OldestSent, Expired: s.Expired,
		}
	}
	return out, nil
}

type queueList struct {
	Queues []queueStats `json:"queues"`
	// Next is what to give as after for the rest; empty if there is none.
	Next string `json:"next,omitempty"`
}

const pageSize = 100

// ListQueues is GET /v1/queues?after=NAME: up to 100 queues, in the order of their names.
func (a *API) ListQueues(r *http.Request) (any, error) {
	given, err := parameters(r, "after")
	if err != nil {
		return nil, err
	}
	query := catalog.Query{Account: a.account, Region: a.region, Limit: pageSize}
	if after := given["after"]; after != "" {
		query.After = a.name(after)
	}
	queues, more, err := a.Broker.List(query)
	if err != nil {
		return nil, err
	}
	var answer queueList
	if answer.Queues, err = a.describe(r, queues...); err != nil {
		return nil, err
	}
	if more {
		answer.Next = queues[len(queues)-1].Name.Name
	}
	return answer, nil
}

// Queue is GET /v1/queues/{queue}.
func (a *API) Queue(r *http.Request) (any, error) {
	q, err := a.Broker.Lookup(a.named(r, "queue"))
	if err != nil {
		return nil, err
	}
	described, err := a.describe(r, q)
	if err != nil {
		return nil, err
	}
	return described[0], nil
}

// CreateQueue is PUT /v1/queues/{queue} with a definition as body. The same again is no error; another is a conflict.
func (a *API) CreateQueue(r *http.Request) (any, error) {
	body, err := readJSON(r)
	if err != nil {
		return nil, err
	}
	def, err := readDefinition(body)
	if err != nil {
		return nil, err
	}
	q, isNew, err := a.Broker.Create(r.Context(), a.named(r, "queue"), def)
	if err != nil {
		return nil, err
	}
	described, err := a.describe(r, q)
	if err != nil {
		return nil, err
	}
	if isNew {
		return created{described[0]}, nil
	}
	return described[0], nil
}

// DeleteQueue is DELETE /v1/queues/{queue}: the queue and all its messages.
func (a *API) DeleteQueue(r *http.Request) (any, error) {
	return nil, a.Broker.Delete(r.Context(), a.named(r, "queue"))
}

type purged struct {
	Purged int64 `json:"purged"`
}

// PurgeQueue is POST /v1/queues/{queue}/purge.
func (a *API) PurgeQueue(r *http.Request) (any, error) {
	n, err := a.Broker.Purge(r.Context(), a.named(r, "queue"))
	if err != nil {
		return nil, err
	}
	return purged{Purged: n}, nil
}
