package dispatch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/event"
)

const (
	contentTypeJSON = "application/json"
	contentTypeText = "text/plain; charset=utf-8"

	// extensionTraceParent is the CloudEvents extension of W3C trace context.
	extensionTraceParent = "traceparent"
)

// shape completes a request with the payload of an event, as its format has it. body is the event in EventBridge form.
func shape(r *endpoint.Request, body []byte, text bool) error {
	if r.Format == endpoint.FormatEventBridge || r.Format == endpoint.FormatLambda {
		// What is kept is what is sent.
		r.Body, r.ContentType = body, contentTypeJSON
		if !bytes.Contains(body, []byte(`"`+extensionTraceParent+`"`)) {
			return nil
		}
	}
	ev, err := event.Parse(body)
	if err != nil {
		return fmt.Errorf("reading the event: %w", err)
	}
	if v, ok := ev.Extensions[extensionTraceParent]; ok {
		r.TraceParent = v.String()
	}
	switch r.Format {
	case endpoint.FormatEventBridge, endpoint.FormatLambda:
	case endpoint.FormatCloudEventBinary:
		r.Header = maps.Clone(r.Header)
		r.ContentType, r.Body = ev.Binary(r.Header)
	case endpoint.FormatRaw:
		if text {
			var plain string
			if err := json.Unmarshal(ev.Detail, &plain); err != nil {
				return fmt.Errorf("reading the event's text: %w", err)
			}
			r.ContentType, r.Body = contentTypeText, []byte(plain)
			return nil
		}
		r.ContentType, r.Body = ev.Data()
	default:
		r.ContentType = event.ContentTypeStructured
		r.Body = ev.AppendStructured(make([]byte, 0, len(body)+256))
	}
	return nil
}
