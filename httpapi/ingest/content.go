package ingest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/event"
)

const (
	contentTypeJSON = "application/json"
	contentTypeForm = "application/x-www-form-urlencoded"
)

// mediaType is the type/subtype of the Content-Type in lower case, "" when there is none or it can
// not be read.
func (r *request) mediaType() string {
	t, _, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

// jsonBody is the body of a scheme that sends JSON, compact. A form is allowed where asForm is set:
// the JSON is its field payload then. The Content-Type is not insisted upon.
func (r *request) jsonBody(asForm bool) (json.RawMessage, error) {
	body := r.body
	if asForm {
		if form, ok := r.form(); ok {
			payload, ok := formPayload(form)
			if !ok {
				return nil, malformed("the body is a form without a field payload")
			}
			body = payload
		}
	}
	if len(body) == 0 {
		return nil, malformed("the body is empty, and must be JSON")
	}
	detail, err := event.CompactJSON(body)
	if err != nil {
		return nil, malformed("the body %s", err)
	}
	return detail, nil
}

// form is the body as a form; ok is false when it is not declared one, or is JSON after all, as it
// is when curl -d sent it.
func (r *request) form() (url.Values, bool) {
	if r.mediaType() != contentTypeForm || looksLikeJSON(r.body) {
		return nil, false
	}
	form, err := url.ParseQuery(string(r.body))
	return form, err == nil
}

func looksLikeJSON(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) > 0 && (body[0] == '{' || body[0] == '[')
}

// identity refuses a compressed body.
func (r *request) identity() error {
	switch encoding := r.header.Get("Content-Encoding"); strings.ToLower(encoding) {
	case "", "identity":
		return nil
	default:
		return fmt.Errorf("%w: Content-Encoding is %q; send the body as it is", ErrContentEncoding, clip(encoding))
	}
}

// content makes an event's data of any body:
//
//   - none: null;
//   - declared JSON: must be JSON, and is the data;
//   - declared a form: an object with a string for each field, an array of strings for a repeated one;
//   - no or an unreadable Content-Type, text/plain, or a form: JSON when it begins with { or [ and is
//     JSON, because many senders do not say so;
//   - other text in UTF-8 (text/…, XML, and all that declares nothing): a JSON string;
//   - anything else: a JSON string of the bytes in base64.
//
// In the last two the event's DataContentType is the Content-Type, so that the bytes go out again as
// they came.
func (r *request) content() (event.Event, error) {
	if len(r.body) == 0 {
		return event.Event{Detail: json.RawMessage("null")}, nil
	}
	media := r.mediaType()
	declared := media == contentTypeJSON || strings.HasSuffix(media, "+json") || strings.HasSuffix(media, "/json")
	undeclared := media == "" || media == "text/plain" || media == contentTypeForm
	if declared || undeclared && looksLikeJSON(r.body) {
		detail, err := event.CompactJSON(r.body)
		if err == nil {
			return event.Event{Detail: detail, DataContentType: contentTypeJSON}, nil
		}
		if declared {
			return event.Event{}, malformed("the body %s", err)
		}
	}
	if form, ok := r.form(); ok {
		return event.Event{Detail: formJSON(form), DataContentType: contentTypeJSON}, nil
	}
	return r.opaque(media), nil
}

// opaque keeps a body that is not JSON.
func (r *request) opaque(media string) event.Event {
	ev := event.Event{DataContentType: r.header.Get("Content-Type")}
	if len(ev.DataContentType) > maxID || strings.ContainsFunc(ev.DataContentType, func(c rune) bool { return c < ' ' || c > '~' }) {
		ev.DataContentType = media
	}
	textual := media == "" || strings.HasPrefix(media, "text/") || media == contentTypeForm ||
		strings.HasSuffix(media, "/xml") || strings.HasSuffix(media, "+xml")
	if media == "" {
		ev.DataContentType = "text/plain"
	}
	if textual && utf8.Valid(r.body) {
		ev.Detail = jsonString(string(r.body))
		return ev
	}
	if media == "" {
		ev.DataContentType = "application/octet-stream"
	}
	ev.Base64 = true
	ev.Detail = jsonString(base64.StdEncoding.EncodeToString(r.body))
	return ev
}

// formJSON is a form as an object, its keys sorted.
func formJSON(form url.Values) json.RawMessage {
	fields := make(map[string]any, len(form))
	for key, values := range form {
		if len(values) == 1 {
			fields[key] = values[0]
		} else {
			fields[key] = values
		}
	}
	return encode(fields)
}

func jsonString(s string) json.RawMessage { return encode(s) }

// encode writes v, which is made of strings, without escaping for HTML.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return json.RawMessage("null") // can not be: strings, arrays and objects of them always encode
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
