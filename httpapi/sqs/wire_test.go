package sqs_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// form writes an input, given as JSON, as the parameters of Query, as an SDK does: with names of its own, not those of the
// shapes under test.
func form(tb testing.TB, operation, input string) string {
	tb.Helper()
	dec := json.NewDecoder(strings.NewReader(input))
	dec.UseNumber()
	var in map[string]any
	if err := dec.Decode(&in); err != nil {
		tb.Fatalf("%s: %v", short(input), err)
	}
	b := &formWriter{operation: operation}
	b.add("Action", operation)
	b.add("Version", "2012-11-05")
	b.members("", in)
	return strings.Join(b.pairs, "&")
}

type formWriter struct {
	operation string
	pairs     []string
}

func (b *formWriter) add(name, value string) {
	b.pairs = append(b.pairs, url.QueryEscape(name)+"="+url.QueryEscape(value))
}

// flat are the names of what is flattened.
func (b *formWriter) flat(name string) string {
	switch name {
	case "Entries":
		return b.operation + "RequestEntry"
	case "Actions":
		return "ActionName"
	case "tags":
		return "Tag"
	}
	return strings.TrimSuffix(name, "s")
}

func (b *formWriter) members(prefix string, in map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(in)) {
		b.value(prefix, name, in[name])
	}
}

func (b *formWriter) value(prefix, name string, value any) {
	switch value := value.(type) {
	case []any:
		for i, element := range value {
			at := prefix + b.flat(name) + "." + strconv.Itoa(i+1)
			if inner, ok := element.(map[string]any); ok {
				b.members(at+".", inner)
			} else {
				b.add(at, text(element))
			}
		}
	case map[string]any:
		key := "Name"
		if b.flat(name) == "Tag" {
			key = "Key"
		}
		for i, k := range slices.Sorted(maps.Keys(value)) {
			at := prefix + b.flat(name) + "." + strconv.Itoa(i+1)
			b.add(at+"."+key, k)
			if inner, ok := value[k].(map[string]any); ok {
				b.members(at+".Value.", inner)
			} else {
				b.add(at+".Value", text(value[k]))
			}
		}
	case nil:
	default:
		b.add(prefix+name, text(value))
	}
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// answer is what came back.
type answer struct {
	tb     testing.TB
	status int
	body   string
	// contentType tells the codec. shape is the error's name in JSON, with its name space; code that in Query, as Query and
	// SDKs for JSON tell it; sender whether it is the sender's fault.
	contentType, shape, code, message string
	sender                            bool
	retryAfter                        string
}

var errorXML = regexp.MustCompile(`^<\?xml version="1.0"\?>\n<ErrorResponse(?: xmlns="[^"]*")?><Error><Type>(Sender|Receiver)</Type><Code>([^<]*)</Code><Message>([^<]*)</Message><Detail/></Error><RequestId>req-1</RequestId></ErrorResponse>$`)

// readAnswer checks of an answer what holds for all of them, and reads an error.
func readAnswer(tb testing.TB, w *httptest.ResponseRecorder) *answer {
	tb.Helper()
	a := &answer{tb: tb, status: w.Code, body: w.Body.String(), contentType: w.Header().Get("Content-Type"), retryAfter: w.Header().Get("Retry-After")}
	if got := exactly(w, "x-amzn-RequestId"); len(got) != 1 || got[0] != requestID {
		tb.Errorf("the answer has the request id %q", got)
	}
	if got := w.Header().Get("Content-Length"); got != strconv.Itoa(len(a.body)) {
		tb.Errorf("the answer has the length %s, and is %d long", got, len(a.body))
	}
	switch a.contentType {
	case "application/x-amz-json-1.0":
		a.readJSON(w)
	case "application/json":
		a.readQueryJSON()
	case "text/xml":
		a.readXML()
	default:
		tb.Errorf("the answer has the type %q", a.contentType)
	}
	if a.status != 200 && a.shape+a.code != "" {
		a.checkError()
	}
	return a
}

// exactly are the values of a header by the very name that AWS writes, which is not canonical.
func exactly(w *httptest.ResponseRecorder, name string) []string { return w.Header()[name] }

func (a *answer) readJSON(w *httptest.ResponseRecorder) {
	a.tb.Helper()
	if a.status == 200 {
		if a.body != "" && !json.Valid([]byte(a.body)) {
			a.tb.Errorf("not JSON: %q", a.body)
		}
		return
	}
	var e struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	dec := json.NewDecoder(strings.NewReader(a.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil || e.Type == "" || e.Message == "" {
		a.tb.Errorf("not an error's JSON: %q: %v", a.body, err)
	}
	a.shape, a.message = e.Type, e.Message
	if query := exactly(w, "x-amzn-query-error"); len(query) == 1 {
		code, fault, _ := strings.Cut(query[0], ";")
		a.code, a.sender = code, fault == "Sender"
	}
}

func (a *answer) readQueryJSON() {
	a.tb.Helper()
	if a.status == 200 {
		if !json.Valid([]byte(a.body)) {
			a.tb.Errorf("not JSON: %q", a.body)
		}
		return
	}
	var e struct {
		Error     struct{ Code, Message, Type string }
		RequestID string `json:"RequestId"`
	}
	if err := json.Unmarshal([]byte(a.body), &e); err != nil || e.RequestID != requestID {
		a.tb.Errorf("not an error's JSON: %q: %v", a.body, err)
	}
	a.code, a.message, a.sender = e.Error.Code, e.Error.Message, e.Error.Type == "Sender"
}

func (a *answer) readXML() {
	a.tb.Helper()
	dec := xml.NewDecoder(strings.NewReader(a.body))
	for {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			a.tb.Errorf("not XML: %q: %v", a.body, err)
			break
		}
	}
	if a.status == 200 || strings.HasPrefix(a.body, "<UnknownOperationException/>") {
		return
	}
	m := errorXML.FindStringSubmatch(a.body)
	if m == nil {
		a.tb.Errorf("not an error's XML: %q", a.body)
		return
	}
	a.sender, a.code = m[1] == "Sender", m[2]
	a.message = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&#xD;", "\r", "&amp;", "&").Replace(m[3])
}

// decode reads an answer in JSON.
func decode[T any](a *answer) T {
	a.tb.Helper()
	var v T
	dec := json.NewDecoder(bytes.NewReader([]byte(a.body)))
	if err := dec.Decode(&v); err != nil {
		a.tb.Fatalf("%q: %v", a.body, err)
	}
	return v
}

// elementText is the text of the first element of that name, as a parser has it.
func elementText(tb testing.TB, body, name string) string {
	tb.Helper()
	dec := xml.NewDecoder(strings.NewReader(body))
	for {
		token, err := dec.Token()
		if err != nil {
			tb.Fatalf("%s: no %s: %v", short(body), name, err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == name {
			var text string
			if err := dec.DecodeElement(&text, &start); err != nil {
				tb.Fatal(err)
			}
			return text
		}
	}
}
