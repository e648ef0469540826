package awstest

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
)

// Answer is what came back.
type Answer struct {
	Status int
	Body   string
	// ContentType tells the codec.
	ContentType string
	// Shape is an error's name in JSON, with its name space; Code that in Query, as Query and SDKs for JSON tell it. Sender is
	// whether it is the sender's fault; who speaks JSON is told by the status, or by x-amzn-query-error.
	Shape, Code, Message string
	Sender               bool
	RetryAfter           string

	tb     testing.TB
	client *Client
}

func contentType(s *awsapi.Service) string { return "application/x-amz-json-" + s.JSONVersion }

var errorXML = regexp.MustCompile(`^<\?xml version="1.0"\?>\n<ErrorResponse(?: xmlns="[^"]*")?><Error><Type>(Sender|Receiver)</Type><Code>([^<]*)</Code><Message>([^<]*)</Message><Detail/></Error><RequestId>` + RequestID + `</RequestId></ErrorResponse>$`)

// read checks of an answer what holds for all of them, and reads an error.
func (c *Client) read(w *httptest.ResponseRecorder) *Answer {
	c.TB.Helper()
	a := &Answer{
		Status: w.Code, Body: w.Body.String(), ContentType: w.Header().Get("Content-Type"), RetryAfter: w.Header().Get("Retry-After"), tb: c.TB, client: c,
	}
	if got := exactly(w, "x-amzn-RequestId"); len(got) != 1 || got[0] != RequestID {
		c.TB.Errorf("the answer has the request id %q", got)
	}
	if got := w.Header().Get("Content-Length"); got != strconv.Itoa(len(a.Body)) {
		c.TB.Errorf("the answer has the length %s, and is %d long", got, len(a.Body))
	}
	switch a.ContentType {
	case "application/x-amz-json-1.0", "application/x-amz-json-1.1":
		if want := contentType(c.Service); a.ContentType != want {
			c.TB.Errorf("the answer has the type %q, want %q", a.ContentType, want)
		}
		a.readJSON(w)
	case "application/json":
		a.readQueryJSON()
	case "text/xml":
		a.readXML()
	default:
		c.TB.Errorf("the answer has the type %q", a.ContentType)
	}
	if a.Status != http.StatusOK && a.Shape+a.Code != "" {
		a.checkKnown()
	}
	return a
}

// exactly are the values of a header by the very name that AWS writes, which is not canonical.
func exactly(w *httptest.ResponseRecorder, name string) []string { return w.Header()[name] }

func (a *Answer) readJSON(w *httptest.ResponseRecorder) {
	a.tb.Helper()
	if a.Status == http.StatusOK {
		if a.Body != "" && !json.Valid([]byte(a.Body)) {
			a.tb.Errorf("not JSON: %q", a.Body)
		}
		return
	}
	var e struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	dec := json.NewDecoder(strings.NewReader(a.Body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil || e.Type == "" || e.Message == "" {
		a.tb.Errorf("not an error's JSON: %q: %v", a.Body, err)
	}
	a.Shape, a.Message, a.Sender = e.Type, e.Message, a.Status < http.StatusInternalServerError
	if query := exactly(w, "x-amzn-query-error"); len(query) == 1 {
		code, fault, _ := strings.Cut(query[0], ";")
		a.Code, a.Sender = code, fault == "Sender"
	}
}

func (a *Answer) readQueryJSON() {
	a.tb.Helper()
	if a.Status == http.StatusOK {
		if !json.Valid([]byte(a.Body)) {
			a.tb.Errorf("not JSON: %q", a.Body)
		}
		return
	}
	var e struct {
		Error     struct{ Code, Message, Type string }
		RequestID string `json:"RequestId"`
	}
	if err := json.Unmarshal([]byte(a.Body), &e); err != nil || e.RequestID != RequestID {
		a.tb.Errorf("not an error's JSON: %q: %v", a.Body, err)
	}
	a.Code, a.Message, a.Sender = e.Error.Code, e.Error.Message, e.Error.Type == "Sender"
}

func (a *Answer) readXML() {
	a.tb.Helper()
	dec := xml.NewDecoder(strings.NewReader(a.Body))
	for {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			a.tb.Errorf("not XML: %q: %v", a.Body, err)
			break
		}
	}
	if a.Status == http.StatusOK || strings.HasPrefix(a.Body, "<UnknownOperationException/>") {
		return
	}
	m := errorXML.FindStringSubmatch(a.Body)
	if m == nil {
		a.tb.Errorf("not an error's XML: %q", a.Body)
		return
	}
	a.Sender, a.Code = m[1] == "Sender", m[2]
	a.Message = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&#xD;", "\r", "&amp;", "&").Replace(m[3])
}

// Is holds an error against a known one, by its name or its code, and its message. No name is for no error.
func (a *Answer) Is(at, name, message string) {
	a.tb.Helper()
	if name == "" {
		if a.Status != http.StatusOK {
			a.tb.Errorf("%s %s: answered %d %s", a.client.Protocol, at, a.Status, a.Body)
		}
		return
	}
	want, ok := findKnown(a.client.Known, name)
	if !ok {
		a.tb.Errorf("%s: %s is not an error that clients know", at, name)
		return
	}
	if !a.of(want) || a.Message != message {
		a.tb.Errorf("%s %s\n answered %d %s %s %q\nwant      %d %s %s %q", a.client.Protocol, at, a.Status, a.Shape, a.Code, a.Message, want.Status, want.shape(a.client.Service), want.Code, message)
	}
}

// Blameless makes sure that an answer is not the router's fault.
func (a *Answer) Blameless() {
	a.tb.Helper()
	if a.Status >= http.StatusInternalServerError {
		a.tb.Fatalf("answered %d %s", a.Status, a.Body)
	}
}

// Decode reads an answer in JSON.
func Decode[T any](a *Answer) T {
	a.tb.Helper()
	var v T
	if err := json.NewDecoder(strings.NewReader(a.Body)).Decode(&v); err != nil {
		a.tb.Fatalf("%q: %v", a.Body, err)
	}
	return v
}

// Texts are those of all elements of that name in XML, as a parser has them.
func (a *Answer) Texts(name string) []string {
	a.tb.Helper()
	dec := xml.NewDecoder(strings.NewReader(a.Body))
	var all []string
	for {
		token, err := dec.Token()
		if err != nil {
			return all
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == name {
			var text string
			if err := dec.DecodeElement(&text, &start); err != nil {
				a.tb.Fatal(err)
			}
			all = append(all, text)
		}
	}
}

// Text is that of the only element of that name.
func (a *Answer) Text(name string) string {
	a.tb.Helper()
	all := a.Texts(name)
	if len(all) != 1 {
		a.tb.Fatalf("%d elements %s in %s", len(all), name, a.Body)
	}
	return all[0]
}

// Entries is the map of an answer in XML.
func (a *Answer) Entries() map[string]string {
	a.tb.Helper()
	keys, values := a.Texts("key"), a.Texts("value")
	if len(keys) != len(values) {
		a.tb.Fatalf("%d keys and %d values in %s", len(keys), len(values), a.Body)
	}
	m := make(map[string]string, len(keys))
	for i, k := range keys {
		m[k] = values[i]
	}
	return m
}
