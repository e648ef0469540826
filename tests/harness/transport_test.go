package harness

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// closedBody is the body of a request that was answered before it was asked for more than it has.
type closedBody struct{ *strings.Reader }

func (b closedBody) Read(p []byte) (int, error) {
	if b.Len() == 0 {
		return 0, errors.New("read after close")
	}
	return b.Reader.Read(p)
}

func (closedBody) Close() error { return nil }

func TestNobodyAsksForMoreThanWasAnnounced(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	defer server.Close()
	// strings.Reader's WriteTo must not be seen: net/http would use it.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, struct{ io.ReadCloser }{closedBody{strings.NewReader("body")}})
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 4
	resp, err := announced{http.DefaultTransport}.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); string(text) != "body" || err != nil {
		t.Errorf("answered %q, %v", text, err)
	}
}
