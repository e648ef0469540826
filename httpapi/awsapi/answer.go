package awsapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/signalbox-mq/signalbox/httpapi/body"
)

// Values of headers, made once. Their capacity is their length, so that nobody can append to them in place.
var (
	contentTypeXML    = []string{"text/xml"}
	contentTypeJSON   = []string{"application/json"}
	contentTypeJSON10 = []string{"application/x-amz-json-1.0"}
	contentTypeJSON11 = []string{"application/x-amz-json-1.1"}
)

func (c *call) contentType() []string {
	switch {
	case c.codec == codecXML:
		return contentTypeXML
	case c.codec == codecQueryJSON:
		return contentTypeJSON
	case c.service != nil && c.service.JSONVersion == "1.1":
		return contentTypeJSON11
	}
	return contentTypeJSON10
}

// write makes the answer of an output. void says that the operation has none.
func (c *call) write(out Shape, void bool) {
	switch c.codec {
	case codecJSON:
		if void && c.service.JSONVersion == "1.0" {
			return
		}
		c.writer.b = c.out
		c.writer.shape(out)
		c.out = c.writer.b
	case codecXML:
		w := xmlWriter{b: c.out, flat: c.service.Flat}
		w.b = append(w.b, `<?xml version="1.0"?>`+"\n<"...)
		w.b = append(w.b, c.operation...)
		w.b = append(w.b, `Response xmlns="`...)
		w.b = append(append(w.b, c.service.Namespace...), `">`...)
		if !void {
			w.open(c.operation + "Result")
			w.members(out)
			w.close(c.operation + "Result")
		}
		w.open("ResponseMetadata")
		w.text("RequestId", c.request.ID)
		w.close("ResponseMetadata")
		w.close(c.operation + "Response")
		c.out = w.b
	case codecQueryJSON:
		w := jsonWriter{b: c.out}
		w.b = append(appendJSONString(append(w.b, '{'), c.operation+"Response"), `:{`...)
		if !void {
			w.b = append(appendJSONString(w.b, c.operation+"Result"), ':')
			w.shape(out)
			w.b = append(w.b, ',')
		}
		w.b = append(w.b, `"ResponseMetadata":{"RequestId":`...)
		c.out = append(appendJSONString(w.b, c.request.ID), `}}}`...)
	}
}

// answer sends what was written.
func (c *call) answer(w http.ResponseWriter, status int) {
	h := w.Header()
	h["Content-Type"] = c.contentType()
	h["x-amzn-RequestId"] = []string{c.request.ID} // as AWS writes it
	h["Content-Length"] = []string{strconv.Itoa(len(c.out))}
	w.WriteHeader(status)
	_, _ = w.Write(c.out)
}

// refuse answers with an error. One that nobody knows is logged, and not shown.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, c *call, err error) {
	c.out = c.out[:0]
	if errors.Is(err, errBareGet) {
		c.out = append(c.out, "<UnknownOperationException/>\n"...)
		c.answer(w, http.StatusNotFound)
		return
	}
	e := h.errorOf(r.Context(), c, err)
	if e == nil {
		h.config.Log.Error().Err(err).Str("request_id", c.request.ID).Str("operation", c.operation).Msg("request failed")
		e = InternalFailure()
	}
	switch c.codec {
	case codecJSON:
		c.writeJSONError(w.Header(), e)
	case codecXML:
		c.writeXMLError(e)
	case codecQueryJSON:
		b := append(c.out, `{"Error":{"Code":`...)
		b = append(appendJSONString(b, e.QueryCode()), `,"Message":`...)
		b = append(appendJSONString(b, e.queryMessage()), `,"Type":`...)
		b = append(appendJSONString(b, e.fault()), `},"RequestId":`...)
		c.out = append(appendJSONString(b, c.request.ID), '}')
	}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(e.RetryAfter))
	}
	rest := body.CloseConnection(err)
	if rest {
		w.Header().Set("Connection", "close") // the rest of the body is not worth waiting for
	}
	c.answer(w, e.status())
	if rest && !errors.Is(err, body.ErrSlow) { // who has stopped sending is not in the midst of it
		body.Linger(w, r)
	}
}

// errorOf is what a client is told of an error; nil for one that must not be shown.
func (h *Handler) errorOf(ctx context.Context, c *call, err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if _, ok := errors.AsType[*malformed](err); ok {
		return serialization(err)
	}
	if e, ok := errors.AsType[*wrongType](err); ok {
		return serialization(e)
	}
	switch {
	case errors.Is(err, body.ErrTooLarge):
		return &Error{Shape: "RequestEntityTooLarge", Coral: true, Status: http.StatusRequestEntityTooLarge, Message: "The body is larger than 8 MiB."}
	case errors.Is(err, body.ErrSlow):
		return &Error{Shape: "RequestTimeout", Coral: true, Status: http.StatusRequestTimeout, Message: "The body did not come in time."}
	case errors.Is(err, body.ErrOverloaded):
		return Unavailable("The bodies of too many requests are in progress.", 1)
	case errors.Is(err, body.ErrBroken):
		return serialization(err)
	case errors.Is(err, context.Canceled) && h.config.Stopping != nil && h.config.Stopping(ctx):
		return Unavailable("The router is shutting down.", 1)
	case errors.Is(err, context.Canceled):
		return Unavailable("The client has gone.", 0) // nobody reads it
	case errors.Is(err, context.DeadlineExceeded):
		return Unavailable("The request took too long.", 1)
	}
	if c.service != nil && c.service.ErrorOf != nil {
		return c.service.ErrorOf(err)
	}
	return nil
}

func (c *call) writeJSONError(h http.Header, e *Error) {
	namespace := "com.amazon.coral.service#"
	switch {
	case c.service == nil:
	case c.service.ErrorNamespace == "":
		namespace = ""
	case !e.Coral:
		namespace = c.service.ErrorNamespace + "#"
	}
	b := append(c.out, `{"__type":`...)
	b = append(appendJSONString(b, namespace+e.Shape), `,"message":`...)
	c.out = append(appendJSONString(b, e.Message), '}')
	if c.service != nil && c.service.QueryErrors {
		h["x-amzn-query-error"] = []string{e.QueryCode() + ";" + e.fault()}
	}
}

func (c *call) writeXMLError(e *Error) {
	w := xmlWriter{b: c.out}
	w.b = append(w.b, `<?xml version="1.0"?>`+"\n<ErrorResponse"...)
	if c.service != nil {
		w.b = append(append(append(w.b, ` xmlns="`...), c.service.Namespace...), '"')
	}
	w.b = append(w.b, '>')
	w.open("Error")
	w.text("Type", e.fault())
	w.text("Code", e.QueryCode())
	w.text("Message", e.queryMessage())
	w.b = append(w.b, `<Detail/>`...)
	w.close("Error")
	w.text("RequestId", c.request.ID)
	w.close("ErrorResponse")
	c.out = w.b
}
