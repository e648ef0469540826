package awstest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
)

// Protocol is how a client speaks.
type Protocol string

// The protocols.
const (
	JSON  Protocol = "json"
	Query Protocol = "query"
)

// Client calls the operations of a service. Handler, Service and Protocol are required, Form for Query.
type Client struct {
	TB       testing.TB
	Handler  *awsapi.Handler
	Service  *awsapi.Service
	Protocol Protocol
	// Form is how the service has lists and maps in Query.
	Form Form
	// Known are the errors that clients of the service know. Every answer is held against them.
	Known []Known
	// Header is that of every request, names and values in turn.
	Header []string
	// Fail makes the store fail, for golden files.
	Fail func(err error)
}

// On is the client for another test, such as one input of a fuzz target.
func (c *Client) On(tb testing.TB) *Client {
	on := *c
	on.TB = tb
	return &on
}

// Over is the client with another protocol.
func (c *Client) Over(p Protocol) *Client {
	over := *c
	over.Protocol = p
	return &over
}

// Signed is the header of a request with a credential.
func Signed(service, keyID, region string) []string {
	return []string{"Authorization", "AWS4-HMAC-SHA256 Credential=" + keyID + "/20260101/" + region + "/" + service + "/aws4_request, SignedHeaders=host, Signature=0"}
}

// Body is an input, given as JSON, as the client's protocol has it.
func (c *Client) Body(operation, input string) string {
	c.TB.Helper()
	if c.Protocol == Query {
		return c.Form.encode(c.TB, c.Service.QueryVersion, operation, input)
	}
	return input
}

// Request makes a request of an operation. The input is JSON, also for Query.
func (c *Client) Request(operation, input string, header ...string) *http.Request {
	c.TB.Helper()
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, BaseURL+"/", strings.NewReader(c.Body(operation, input)))
	if c.Protocol == Query {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	} else {
		r.Header.Set("Content-Type", contentType(c.Service))
		r.Header.Set("X-Amz-Target", c.Service.Target+"."+operation)
	}
	set(r.Header, c.Header)
	set(r.Header, header)
	return r
}

func set(h http.Header, pairs []string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
}

// Do serves a request, and checks of the answer what holds for every answer.
func (c *Client) Do(r *http.Request) *Answer {
	c.TB.Helper()
	w := httptest.NewRecorder()
	w.Header()["X-Request-Id"] = []string{RequestID}
	c.Handler.ServeHTTP(w, r)
	return c.read(w)
}

// Call calls an operation, as Do does.
func (c *Client) Call(operation, input string, header ...string) *Answer {
	c.TB.Helper()
	return c.Do(c.Request(operation, input, header...))
}

// OK is Call for what has to succeed.
func (c *Client) OK(operation, input string, header ...string) *Answer {
	c.TB.Helper()
	a := c.Call(operation, input, header...)
	if a.Status != http.StatusOK {
		c.TB.Fatalf("%s %s %s: answered %d %s", c.Protocol, operation, Short(input), a.Status, a.Body)
	}
	return a
}

// Refuse is Call for what has to fail with that known error, by its name or code, and message.
func (c *Client) Refuse(operation, input, name, message string) {
	c.TB.Helper()
	c.Call(operation, input).Is(operation+" "+Short(input), name, message)
}
