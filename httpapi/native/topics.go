package native

import (
	"net/http"

	"github.com/signalbox-mq/signalbox/topic"
)

// PublishMessage is POST /v1/topics/{topic}/messages.
func (a *API) PublishMessage(r *http.Request) (any, error) {
	body, err := readJSON(r)
	if err != nil {
		return nil, err
	}
	m, err := readMessage(body, memberSubject)
	if err != nil {
		return nil, err
	}
	published, err := a.Topics.Publish(r.Context(), topic.Publish{
		Topic: a.named(r, "topic"),
		Messages: []topic.Message{{
			Body: m.Body, Subject: m.Subject, Attributes: m.Attributes, Group: m.Group, DedupID: m.DedupID,
		}},
	})
	if err != nil {
		return nil, m.refused(err)
	}
	return sent{ID: published[0].ID, Duplicate: published[0].Duplicate}, nil
}
