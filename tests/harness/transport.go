package harness

import (
	"io"
	"net/http"
	"testing"
)

// HTTPClient returns the client that an SDK is to use. It waits for longer than the longest poll.
func HTTPClient(t testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: announced{transport}, Timeout: 2 * Limit}
}

// announced is a transport for requests whose body is closed as soon as there is an answer, as the SDK does. net/http asks a body for
// more than the length that was announced, to see that there is no more; if it comes to that only after the answer, what the closed
// body says counts as a failure to send, and the connection is cut in the midst of the answer. It happens once in some ten thousand
// requests. So nobody is asked for more than was announced.
type announced struct{ http.RoundTripper }

// RoundTrip is http.RoundTripper's.
func (a announced) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil && req.ContentLength > 0 {
		body := req.Body
		req = req.Clone(req.Context())
		req.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(body, req.ContentLength), body}
	}
	return a.RoundTripper.RoundTrip(req)
}
