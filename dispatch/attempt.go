package dispatch

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

// Outcome is what became of a delivery by an attempt.
type Outcome string

const (
	// OutcomeDelivered: the endpoint has it.
	OutcomeDelivered Outcome = "delivered"
	// OutcomeRetry: it waits for another attempt, at Attempt.Next.
	OutcomeRetry Outcome = "retry"
	// OutcomeDeadLettered: it was given up and is in Attempt.DeadLetter.
	OutcomeDeadLettered Outcome = "dead-lettered"
	// OutcomeDropped: it was given up and is nowhere, as it was for its endpoint alone.
	OutcomeDropped Outcome = "dropped"
	// OutcomeDisabled is either of the two where the answer, 410, has disabled the endpoint too.
	OutcomeDisabled Outcome = "disabled"
	// OutcomeLost: it failed, but the lease had ended meanwhile, so that another attempt decides.
	OutcomeLost Outcome = "lost"
)

// Attempt is the record of one attempt to deliver, in the attempts log.
type Attempt struct {
	// Delivery is the delivery's ID and webhook-id. Origin is the event's or message's; it is the log entry's Key.
	Delivery string `json:"delivery"`
	Origin   string `json:"origin"`
	// Kind and Endpoint name where it went, in Account and Region.
	Kind     string `json:"kind"`
	Endpoint string `json:"endpoint"`
	Account  string `json:"account"`
	Region   string `json:"region"`
	// Bus, Rule and Target, or Topic and Subscription, name where it came from.
	Bus          string `json:"bus,omitempty"`
	Rule         string `json:"rule,omitempty"`
	Target       string `json:"target,omitempty"`
	Topic        string `json:"topic,omitempty"`
	Subscription string `json:"subscription,omitempty"`
	// Group is the ordering group, empty for none.
	Group string `json:"group,omitempty"`

	// Number counts the delivery's attempts, from 1. It is 0 when none was made: the endpoint was gone, the message
	// could not be read, or it was in a loop.
	Number  int       `json:"number"`
	Started time.Time `json:"started"`

	// Outcome, Class and Reason say how it ended. Status is 0 without an answer.
	Outcome Outcome             `json:"outcome"`
	Status  int                 `json:"status,omitempty"`
	Class   endpoint.ErrorClass `json:"class,omitempty"`
	Reason  string              `json:"reason,omitempty"`
	// Next is when the next attempt is due, with OutcomeRetry.
	Next time.Time `json:"next,omitzero"`
	// DeadLetter names the queue of the dead letter, and Code is its ERROR_CODE.
	DeadLetter string `json:"dead_letter,omitempty"`
	Code       string `json:"code,omitempty"`
	// GiveUp says which limit ended the delivery, with OutcomeDeadLettered after retries.
	GiveUp endpoint.GiveUp `json:"give_up,omitempty"`
	// LeaseLost says that the result could not be applied because the lease had ended. A delivered one comes again then.
	LeaseLost bool `json:"lease_lost,omitempty"`

	Durations Durations `json:"durations"`
	// Remote is the address that was called; Resent says that a kept connection was dead and the request was sent again.
	Remote string `json:"remote,omitempty"`
	Resent bool   `json:"resent,omitempty"`

	Request  Request  `json:"request,omitzero"`
	Response Response `json:"response,omitzero"`
}

// Durations are the lengths of an attempt's phases, with a resolution of microseconds. A phase that did not happen is 0.
type Durations struct {
	// Wait is from when the delivery was due until the attempt began.
	Wait time.Duration
	// DNS, Connect, TLS, TTFB and Total are as in endpoint.Phases.
	DNS, Connect, TLS, TTFB, Total time.Duration
}

// durationsJSON is Durations in microseconds.
type durationsJSON struct {
	Wait    int64 `json:"wait_us,omitempty"`
	DNS     int64 `json:"dns_us,omitempty"`
	Connect int64 `json:"connect_us,omitempty"`
	TLS     int64 `json:"tls_us,omitempty"`
	TTFB    int64 `json:"ttfb_us,omitempty"`
	Total   int64 `json:"total_us,omitempty"`
}

// MarshalJSON writes microseconds.
func (d Durations) MarshalJSON() ([]byte, error) {
	return json.Marshal(durationsJSON{
		d.Wait.Microseconds(), d.DNS.Microseconds(), d.Connect.Microseconds(),
		d.TLS.Microseconds(), d.TTFB.Microseconds(), d.Total.Microseconds(),
	})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (d *Durations) UnmarshalJSON(b []byte) error {
	var j durationsJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*d = Durations{
		micros(j.Wait), micros(j.DNS), micros(j.Connect), micros(j.TLS), micros(j.TTFB), micros(j.Total),
	}
	return nil
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// Request is the head of a request as it was sent. Credentials of the URL are left out, and the values of the headers that
// the function's definition sets, and of Authorization, are replaced by "***".
type Request struct {
	URL    string      `json:"url,omitempty"`
	Header http.Header `json:"header,omitempty"`
}

// IsZero reports whether there was no request.
func (r Request) IsZero() bool { return r.URL == "" && r.Header == nil }

// Response is an answer: its headers and the first 64 KiB of its body; Truncated says that there was more.
type Response struct {
	Header    http.Header `json:"header,omitempty"`
	Body      []byte      `json:"body,omitempty"`
	Truncated bool        `json:"truncated,omitempty"`
}

// IsZero reports whether there was no answer.
func (r Response) IsZero() bool { return r.Header == nil && r.Body == nil && !r.Truncated }

// DecodeAttempt reads the body of an entry in the attempts log.
func DecodeAttempt(body []byte) (Attempt, error) {
	var a Attempt
	if err := json.Unmarshal(body, &a); err != nil {
		return Attempt{}, fmt.Errorf("decoding an attempt: %w", err)
	}
	return a, nil
}
