package sns_test

import (
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
	b := &formWriter{}
	b.add("Action", operation)
	b.add("Version", version)
	b.members("", in)
	return strings.Join(b.pairs, "&")
}

type formWriter struct{ pairs []string }

func (b *formWriter) add(name, value string) {
	b.pairs = append(b.pairs, url.QueryEscape(name)+"="+url.QueryEscape(value))
}

func (b *formWriter) members(prefix string, in map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(in)) {
		b.value(prefix+name, name, in[name])
	}
}

func (b *formWriter) value(at, name string, value any) {
	switch value := value.(type) {
	case []any:
		if len(value) == 0 {
			b.add(at, "") // as SDKs write an empty list
		}
		for i, element := range value {
			of := at + ".member." + strconv.Itoa(i+1)
			if inner, ok := element.(map[string]any); ok {
				b.members(of+".", inner)
			} else {
				b.add(of, text(element))
			}
		}
	case map[string]any:
		for i, k := range slices.Sorted(maps.Keys(value)) {
			of := at + ".entry." + strconv.Itoa(i+1)
			if name == "MessageAttributes" {
				b.add(of+".Name", k)
				b.members(of+".Value.", value[k].(map[string]any))
			} else {
				b.add(of+".key", k)
				b.add(of+".value", text(value[k]))
			}
		}
	case nil:
	default:
		b.add(at, text(value))
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
	tb          testing.TB
	status      int
	body        string
	contentType string
	// code, message and sender are of an error.
	code, message string
	sender        bool
	retryAfter    string
}

var errorXML = regexp.MustCompile(`^<\?xml version="1.0"\?>\n<ErrorResponse(?: xmlns="[^"]*")?><Error><Type>(Sender|Receiver)</Type><Code>([^<]*)</Code><Message>([^<]*)</Message><Detail/></Error><RequestId>req-1</RequestId></ErrorResponse>$`)

// readAnswer checks of an answer what holds for all of them, and reads an error.
func readAnswer(tb testing.TB, w *httptest.ResponseRecorder) *answer {
	tb.Helper()
	a := &answer{tb: tb, status: w.Code, body: w.Body.String(), contentType: w.Header().Get("Content-Type"), retryAfter: w.Header().Get("Retry-After")}
	if got := exactly(w, "x-amzn-RequestId"); len(got) != 1 || got[0] != requestID {
		tb.Errorf("the answer has the request id %q", got)
	}
	switch a.contentType {
	case "application/json":
		a.readJSON()
	case "text/xml":
		a.readXML()
	default:
		tb.Errorf("the answer has the type %q", a.contentType)
	}
	if a.status != 200 {
		a.checkError()
	}
	return a
}

// exactly are the values of a header by the very name that AWS writes, which is not canonical.
func exactly(w *httptest.ResponseRecorder, name string) []string { return w.Header()[name] }

func (a *answer) readJSON() {
	a.tb.Helper()
	var e struct {
		Error     struct{ Code, Message, Type string }
		RequestID string `json:"RequestId"`
	}
	if err := json.Unmarshal([]byte(a.body), &e); err != nil {
		a.tb.Errorf("not JSON: %q: %v", a.body, err)
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
	if a.status == 200 {
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

// is holds an error against what it should be.
func (a *answer) is(at, code, message string) {
	a.tb.Helper()
	if a.code != code || a.message != message {
		a.tb.Errorf("%s\n answered %d %s %q\nwant         %s %q", at, a.status, a.code, a.message, code, message)
	}
}

// texts are those of all elements of that name, as a parser has them.
func (a *answer) texts(name string) []string {
	a.tb.Helper()
	dec := xml.NewDecoder(strings.NewReader(a.body))
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

// text is that of the only element of that name.
func (a *answer) text(name string) string {
	a.tb.Helper()
	all := a.texts(name)
	if len(all) != 1 {
		a.tb.Fatalf("%d elements %s in %s", len(all), name, a.body)
	}
	return all[0]
}

// entries is the map of an answer.
func (a *answer) entries() map[string]string {
	a.tb.Helper()
	keys, values := a.texts("key"), a.texts("value")
	if len(keys) != len(values) {
		a.tb.Fatalf("%d keys and %d values in %s", len(keys), len(values), a.body)
	}
	m := make(map[string]string, len(keys))
	for i, k := range keys {
		m[k] = values[i]
	}
	return m
}
