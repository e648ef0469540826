package harness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Client speaks to a router over HTTP. It may be used by several goroutines; what fails the test (all but Try) only from
// the test's own.
type Client struct {
	t    testing.TB
	http *http.Client
	base atomic.Pointer[string]
}

func newClient(t testing.TB) *Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &Client{t: t, http: &http.Client{
		Transport: transport, Timeout: Limit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (c *Client) address(hostPort string) {
	url := "http://" + hostPort
	c.base.Store(&url)
}

// URL returns the address of a path.
func (c *Client) URL(path string) string { return *c.base.Load() + path }

// CloseIdleConnections closes connections that no request uses.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// Answer is what was answered to a request.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

func (a *Answer) String() string {
	return fmt.Sprintf("%d %s", a.Status, strings.TrimSpace(string(a.Body)))
}

// Try makes a request and returns an error if there is no whole answer.
func (c *Client) Try(method, path string, header map[string]string, body []byte) (*Answer, error) {
	req, err := http.NewRequest(method, c.URL(path), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, value := range header {
		req.Header[name] = []string{value} // names as written: some are in no canonical form
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	return &Answer{Status: resp.StatusCode, Header: resp.Header, Body: text}, nil
}

// Do makes a request.
func (c *Client) Do(method, path string, header map[string]string, body string) *Answer {
	c.t.Helper()
	answer, err := c.Try(method, path, header, []byte(body))
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer
}

// JSON makes a request with a JSON body ("" for none), wants status 200, and decodes the answer into out.
func (c *Client) JSON(method, path, body string, out any) {
	c.t.Helper()
	var header map[string]string
	if body != "" {
		header = map[string]string{"Content-Type": "application/json"}
	}
	answer := c.Do(method, path, header, body)
	if answer.Status != http.StatusOK {
		c.t.Fatalf("%s %s: %s", method, path, answer)
	}
	answer.Decode(c.t, out)
}

// Decode decodes the body into out. Members that out does not know are a failure: the shape of answers is a contract.
func (a *Answer) Decode(t testing.TB, out any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(a.Body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(out); err != nil {
		t.Fatalf("decoding %s: %v", a, err)
	}
}

// PublishedEvent is the answer for one event.
type PublishedEvent struct {
	ID        string   `json:"id"`
	Matched   []string `json:"matched"`
	Duplicate bool     `json:"duplicate"`
}

// Publish publishes events as plain JSON, one or an array, on the default bus.
func (c *Client) Publish(body string) []PublishedEvent {
	c.t.Helper()
	var out struct {
		Events []PublishedEvent `json:"events"`
	}
	c.JSON(http.MethodPost, "/v1/events", body, &out)
	return out.Events
}

// Message is a message as a receive answers it.
type Message struct {
	ID           string         `json:"id"`
	Body         string         `json:"body"`
	Encoding     string         `json:"body_encoding"`
	Attributes   map[string]any `json:"attributes"`
	Group        string         `json:"group"`
	Receipt      string         `json:"receipt"`
	ReceiveCount int            `json:"receive_count"`
	SentAt       time.Time      `json:"sent_at"`
}

// Attribute returns the value of an attribute as text, whatever its type, and "" if there is none.
func (m *Message) Attribute(name string) string {
	switch v := m.Attributes[name].(type) {
	case string:
		return v
	case map[string]any:
		return fmt.Sprint(v["value"])
	}
	return ""
}

// Send sends a message and returns its ID. body is the whole JSON object.
func (c *Client) Send(queue, body string) string {
	c.t.Helper()
	var out struct {
		ID        string `json:"id"`
		Duplicate bool   `json:"duplicate"`
	}
	c.JSON(http.MethodPost, "/v1/queues/"+queue+"/messages", body, &out)
	return out.ID
}

// Receive receives messages; query is such as "max=10&wait=5s".
func (c *Client) Receive(queue, query string) []Message {
	c.t.Helper()
	var out struct {
		Messages []Message `json:"messages"`
	}
	c.JSON(http.MethodPost, "/v1/queues/"+queue+"/messages/receive?"+query, "", &out)
	return out.Messages
}

// ReceiveOne receives a message, waiting for one as long as a poll can.
func (c *Client) ReceiveOne(queue string) Message {
	c.t.Helper()
	messages := c.Receive(queue, "max=1&wait=20s")
	if len(messages) != 1 {
		c.t.Fatalf("queue %s has no message after 20s", queue)
	}
	return messages[0]
}

// Delete deletes a message.
func (c *Client) Delete(queue, receipt string) {
	c.t.Helper()
	if answer := c.Do(http.MethodDelete, "/v1/queues/"+queue+"/messages/"+receipt, nil, ""); answer.Status != http.StatusNoContent && answer.Status != http.StatusOK {
		c.t.Fatalf("deleting from %s: %s", queue, answer)
	}
}

// Drain receives and deletes until n messages have come, and returns them. Use it with the number that must be there; that
// there are no more is for Empty.
func (c *Client) Drain(queue string, n int) []Message {
	c.t.Helper()
	var all []Message
	for len(all) < n {
		got := c.Receive(queue, "max=10&wait=20s")
		if len(got) == 0 {
			c.t.Fatalf("queue %s has %d messages and no more after 20s, want %d", queue, len(all), n)
		}
		for _, m := range got {
			c.Delete(queue, m.Receipt)
		}
		all = append(all, got...)
	}
	return all
}

// QueueStats is the part of a queue's description that tests look at.
type QueueStats struct {
	Ready    int64 `json:"ready"`
	Delayed  int64 `json:"delayed"`
	InFlight int64 `json:"in_flight"`
}

// Stats returns how many messages a queue has.
func (c *Client) Stats(queue string) QueueStats {
	c.t.Helper()
	answer := c.Do(http.MethodGet, "/v1/queues/"+queue, nil, "")
	var stats QueueStats
	if err := json.Unmarshal(answer.Body, &stats); err != nil || answer.Status != http.StatusOK {
		c.t.Fatalf("asking about queue %s: %s", queue, answer)
	}
	return stats
}

// Empty fails the test if a queue has messages, in whatever state.
func (c *Client) Empty(queue string) {
	c.t.Helper()
	if s := c.Stats(queue); s != (QueueStats{}) {
		c.t.Errorf("queue %s has messages: %+v", queue, s)
	}
}
