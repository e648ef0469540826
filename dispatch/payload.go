package dispatch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/event"
)

const (
	contentTypeJSON = "application/json"
	contentTypeText = "text/plain; charset=utf-8"

	// extensionTraceParent is the CloudEvents extension of W3C trace context.
	extensionTraceParent = "traceparent"
)

// prepare makes the request of a delivery to an endpoint that is called, and with it what its dead letter would have.
func (dv *delivery) prepare() error {
	dv.request = dv.spec.request
	dv.request.ID = dv.id
	dv.request.Attempt = dv.state.Attempts + 1
	if dv.about.Verbatim != nil {
		verbatim(&dv.request, dv.about.Verbatim, dv.message.Body, dv.lane.kind)
	} else if err := shape(&dv.request, dv.message.Body, dv.about.Text); err != nil {
		return err
	}
	dv.payload = dv.request.Body
	return nil
}

// verbatim completes a request that was rendered when it was published. A subscription's endpoint gets that and nothing else:
// whatever speaks to SNS knows nothing of the router. A function stays one, with its own headers, its signature and, where
// it is Lambda's, the way it is invoked.
func verbatim(r *endpoint.Request, v *endpoint.Verbatim, body []byte, kind string) {
	r.Body = body
	header := make(http.Header, len(v.Header)+len(r.Header)+1)
	if kind == KindSubscription {
		r.Format, r.Signer, r.ID, r.Attempt = endpoint.FormatRaw, nil, "", 0
	} else {
		maps.Copy(header, r.Header)
	}
	for name, value := range v.Header {
		header[http.CanonicalHeaderKey(name)] = []string{value}
	}
	if v.ContentType != "" {
		header["Content-Type"] = []string{v.ContentType}
	}
	r.Header = header
}

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
