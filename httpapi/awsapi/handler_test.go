package awsapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/signalbox-mq/signalbox/httpapi/body"
)

type echoed struct{ Name, Account, Region, Base, Principal string }

func (s *echoed) Fields(f []Field) []Field {
	return append(f, Field{Name: "Name", To: &s.Name}, Field{Name: "Account", To: &s.Account}, Field{Name: "Region", To: &s.Region},
		Field{Name: "Base", To: &s.Base}, Field{Name: "Principal", To: &s.Principal})
}

var errOwn = errors.New("own")

// services are two, which have nothing in common but the handler.
func services() (both, queryOnly *Service) {
	op := Op("Echo", func(_ context.Context, r *Request, in *inner) (*echoed, error) {
		if in.ID == "fail" {
			return nil, errOwn
		}
		return &echoed{in.ID, r.Account, r.Region, r.BaseURL, r.Principal}, nil
	})
	nothing := Op("Nothing", func(context.Context, *Request, *Empty) (*Empty, error) { return nil, nil })
	both = &Service{
		Name: "one", Target: "One", JSONVersion: "1.1", QueryVersion: "2001-01-01", Namespace: "urn:one", ErrorNamespace: "com.example.one",
		Operations: []Operation{op, nothing}, Refused: map[string]string{"Old": "nobody uses it"},
	}
	queryOnly = &Service{
		Name: "two", QueryVersion: "2002-02-02", Namespace: "urn:two", Operations: []Operation{op},
		ErrorOf: func(err error) *Error {
			if errors.Is(err, errOwn) {
				return &Error{Shape: "Own", Message: "its own"}
			}
			return nil
		},
	}
	return both, queryOnly
}

func ask(h *Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// exactly are the values of a header by the very name that AWS writes, which is not canonical.
func exactly(w *httptest.ResponseRecorder, name string) []string { return w.Header()[name] }

func newHandler() *Handler {
	both, queryOnly := services()
	return NewHandler(Config{Account: "000000000000", Region: "us-east-1", Log: zerolog.Nop()}, both, queryOnly)
}

func TestHandlerFindsTheOperation(t *testing.T) {
	t.Parallel()
	h := newHandler()
	credential := func(service string) string {
		return "AWS4-HMAC-SHA256 Credential=222222222222/20260101/eu-west-1/" + service + "/aws4_request, SignedHeaders=host, Signature=0"
	}
	for _, c := range []struct {
		target, authorization, body string
		status                      int
		want                        string
	}{
		{"One.Echo", "", `{"Id":"x"}`, 200, `{"Name":"x","Account":"000000000000","Region":"us-east-1","Base":"http://router.test"}`},
		{"One.Echo", credential("one"), `{"Id":"x"}`, 200, `{"Name":"x","Account":"222222222222","Region":"eu-west-1","Base":"http://router.test","Principal":"222222222222"}`},
		{"One.Nothing", "", `{}`, 200, `{}`},
		{"One.Echo", "", `{"Id":"fail"}`, 500, `{"__type":"com.amazon.coral.service#InternalFailure"`},
		{"One.Old", "", `{}`, 400, `The operation Old is not supported: nobody uses it.`},
		{"One.None", "", `{}`, 404, `UnknownOperationException`},
		{"Two.Echo", "", `{}`, 404, `UnknownOperationException`},
		{"", "", "Action=Echo&Version=2001-01-01&Id=x", 200, `<EchoResponse xmlns="urn:one"><EchoResult><Name>x</Name>`},
		{"", "", "Action=Echo&Version=2002-02-02&Id=x", 200, `<EchoResponse xmlns="urn:two">`},
		{"", credential("two"), "Action=Echo&Id=x", 200, `<EchoResponse xmlns="urn:two">`},
		{"", credential("one"), "Action=Echo&Id=x", 200, `<EchoResponse xmlns="urn:one">`},
		{"", "", "Action=Echo&Id=x", 200, `<EchoResponse xmlns="urn:one">`},
		{"", "", "Action=Nothing&Version=2001-01-01", 200, `<NothingResponse xmlns="urn:one"><ResponseMetadata>`},
		{"", "", "Action=Nothing&Version=2002-02-02", 400, `<Code>InvalidAction</Code>`},
		{"", "", "Action=Old&Version=2001-01-01", 400, `The operation Old is not supported`},
		{"", "", "Action=Echo&Version=2002-02-02&Id=fail", 400, `<Code>Own</Code><Message>its own</Message>`},
		{"", "", "Action=Echo&Version=2002-02-02", 400, `<Code>MissingParameter</Code>`},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://router.test/", strings.NewReader(c.body))
		if c.target != "" {
			r.Header.Set("X-Amz-Target", c.target)
		}
		if c.authorization != "" {
			r.Header.Set("Authorization", c.authorization)
		}
		w := ask(h, r)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %s: answered %d %s, want %d %s", c.target, c.body, w.Code, w.Body, c.status, c.want)
		}
		if ct := w.Header().Get("Content-Type"); c.target != "" && c.status != 404 && ct != "application/x-amz-json-1.1" {
			t.Errorf("%s: has the type %s", c.target, ct)
		}
	}
}

func TestTakes(t *testing.T) {
	t.Parallel()
	h := newHandler()
	for line, want := range map[string]bool{
		"POST /": true, "GET /": false, "GET /?x=y": false, "GET /?Action=A": true, "PUT /": false, "POST /000000000000/q": true, "GET /000000000000/q": true,
		"DELETE /000000000000/q": false, "POST /queue/us-east-1/000000000000/q": true, "POST /queue/us-east-1/q": false, "POST /v1/queues": false,
		"POST /00000000000/q": false, "POST /000000000000/": false, "POST /000000000000/a/b": false, "POST /000000000000": false,
	} {
		method, target, _ := strings.Cut(line, " ")
		if got := h.Takes(httptest.NewRequestWithContext(t.Context(), method, target, nil)); got != want {
			t.Errorf("%s is taken: %v", line, got)
		}
	}
}

// TestErrorsOfTheConnection has what a client is told when its request does not come, or when nobody is left to serve it.
func TestErrorsOfTheConnection(t *testing.T) {
	t.Parallel()
	both, _ := services()
	both.QueryErrors = true
	for _, c := range []struct {
		err        error
		stopping   bool
		status     int
		code       string
		retryAfter string
	}{
		{body.ErrTooLarge, false, 413, "RequestEntityTooLarge", ""},
		{body.ErrSlow, false, 408, "RequestTimeout", ""},
		{body.ErrOverloaded, false, 503, "ServiceUnavailable", "1"},
		{body.ErrBroken, false, 400, "MalformedInput", ""},
		{context.Canceled, false, 503, "ServiceUnavailable", ""},
		{context.Canceled, true, 503, "ServiceUnavailable", "1"},
		{context.DeadlineExceeded, false, 503, "ServiceUnavailable", "1"},
		{io.ErrUnexpectedEOF, false, 500, "InternalFailure", ""},
	} {
		both.Operations = []Operation{Op("Echo", func(context.Context, *Request, *Empty) (*Empty, error) { return nil, c.err })}
		h := NewHandler(Config{Account: "000000000000", Region: "us-east-1", Log: zerolog.Nop(), Stopping: func(context.Context) bool { return c.stopping }}, both)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("{}"))
		r.Header.Set("X-Amz-Target", "One.Echo")
		w := ask(h, r)
		if got := exactly(w, "x-amzn-query-error"); w.Code != c.status || len(got) != 1 || !strings.HasPrefix(got[0], c.code+";") || w.Header().Get("Retry-After") != c.retryAfter {
			t.Errorf("%v: answered %d %v %s", c.err, w.Code, w.Header(), w.Body)
		}
		if (w.Header().Get("Connection") == "close") != body.CloseConnection(c.err) {
			t.Errorf("%v: Connection: %q", c.err, w.Header().Get("Connection"))
		}
	}
}

// TestDescribe has every kind of member.
func TestDescribe(t *testing.T) {
	t.Parallel()
	want := []Kind{KindText, KindText, KindBytes, KindInteger, KindBoolean, KindBoolean, KindTime, KindTexts, KindTextMap, KindTextMap, KindList, KindMap, KindPart, KindList}
	got := Describe(&every{})
	if len(got) != len(want) {
		t.Fatalf("got %d members", len(got))
	}
	for i := range got {
		if got[i].Kind != want[i] {
			t.Errorf("%s is a %s, want %s", got[i].Name, got[i].Kind, want[i])
		}
	}
	if m := got[10].Members; len(m) != 1 || m[0].Name != "Id" || !m[0].Required {
		t.Errorf("the elements of a list have %+v", m)
	}
}
