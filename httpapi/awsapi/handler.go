package awsapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/rs/zerolog"

	"github.com/signalbox-mq/signalbox/httpapi/body"
)

// MaxBody is the largest request body, in bytes.
const MaxBody = 8 << 20

// Config is what a handler is told. Account and Region are required.
type Config struct {
	// Account and Region are those of a caller whose credential does not say.
	Account, Region string
	// PublicURL is how clients reach the router; empty for what each one used.
	PublicURL string
	// RequestIDHeader is the header of the answer that has the request's ID when a request comes in.
	RequestIDHeader string
	// Stopping says that an operation ended early because the server is shutting down. Nil for never.
	Stopping func(ctx context.Context) bool
	Log      zerolog.Logger
}

// Handler answers the AWS protocols JSON and Query for any number of services.
type Handler struct {
	config   Config
	services []*Service
	// targets leads from an X-Amz-Target, actions from "version action" to an operation.
	targets map[string]bound
	actions map[string]bound
	calls   sync.Pool
}

// bound is an operation with its service.
type bound struct {
	service   *Service
	operation *Operation
	// route names it in metrics: "sqs SendMessage".
	route string
}

// NewHandler returns a handler of the services. Their tables must not change any more.
func NewHandler(config Config, services ...*Service) *Handler {
	h := &Handler{config: config, services: services, targets: map[string]bound{}, actions: map[string]bound{}}
	h.calls.New = func() any { return new(call) }
	for _, s := range services {
		for i := range s.Operations {
			op := &s.Operations[i]
			b := bound{s, op, s.Name + " " + op.Name}
			if s.Target != "" {
				h.targets[s.Target+"."+op.Name] = b
			}
			if s.QueryVersion != "" {
				h.actions[s.QueryVersion+" "+op.Name] = b
			}
		}
	}
	return h
}

// Takes says whether a request to "/" or to the path of a queue is one of the AWS protocols: a POST, or a GET with an Action or
// of a queue's path. Another method must do nothing, whatever its parameters: browsers send HEAD and OPTIONS without asking.
func (h *Handler) Takes(r *http.Request) bool {
	if r.Method != http.MethodPost && r.Method != http.MethodGet {
		return false
	}
	if r.URL.Path == "/" {
		return r.Method == http.MethodPost || r.URL.RawQuery != "" && r.URL.Query().Has("Action")
	}
	return isQueuePath(r.URL.Path)
}

// isQueuePath says whether a path is that of a queue in one of the shapes that clients hold: /{12 digits}/{name}, or the same
// behind /queue/{region}.
func isQueuePath(path string) bool {
	if rest, ok := strings.CutPrefix(path, "/queue/"); ok {
		if _, after, ok := strings.Cut(rest, "/"); ok {
			path = "/" + after
		}
	}
	account, name, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return ok && IsAccount(account) && name != "" && !strings.Contains(name, "/")
}

// call is one request on its way through, with the memory it uses.
type call struct {
	request Request
	service *Service
	codec   codec
	// in is the body as it came, out the answer.
	in  []byte
	out []byte
	// form is the request's parameters, for Query.
	form      *node
	operation string
	reader    jsonReader
	writer    jsonWriter
}

// codec is how a request is written, and its answer.
type codec uint8

const (
	codecJSON codec = iota
	codecXML
	// codecQueryJSON is Query in and JSON out, for clients that accept nothing else.
	codecQueryJSON
)

// queryCodec is how a Query request is answered.
func queryCodec(r *http.Request) codec {
	if strings.Contains(header(r, "Accept"), "application/json") {
		return codecQueryJSON
	}
	return codecXML
}

// maxKept is the most memory that a call keeps for the next.
const maxKept = 64 << 10

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := h.calls.Get().(*call)
	defer func() {
		if cap(c.in) > maxKept || cap(c.out) > maxKept {
			return // one large request must not hold its memory for ever
		}
		// Fields lead to the messages of this call.
		clear(c.reader.fields[:cap(c.reader.fields)])
		clear(c.writer.fields[:cap(c.writer.fields)])
		reader := jsonReader{fields: c.reader.fields[:0], absences: absences{path: c.reader.absences.path[:0]}}
		*c = call{in: c.in[:0], out: c.out[:0], reader: reader, writer: jsonWriter{fields: c.writer.fields[:0]}}
		h.calls.Put(c)
	}()
	err := h.serve(w, r, c)
	if err != nil {
		h.refuse(w, r, c, err)
		return
	}
	c.answer(w, http.StatusOK)
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, c *call) error {
	keyID, region, service := scope(r)
	c.request = Request{Caller: Caller{Account: h.config.Account, Region: h.config.Region, Principal: keyID}, ID: answerHeader(w, h.config.RequestIDHeader)}
	if IsAccount(keyID) {
		c.request.Account = keyID
	}
	if validRegion(region) {
		c.request.Region = region
	}
	c.request.BaseURL = h.config.PublicURL
	if c.request.BaseURL == "" {
		c.request.BaseURL = usedURL(r)
	}
	c.request.Trace = header(r, "X-Amzn-Trace-Id")
	if r.URL.Path != "/" {
		c.request.QueuePath = r.URL.Path
	}
	target := header(r, "X-Amz-Target")
	if target == "" {
		c.codec = queryCodec(r)
	}
	if coding := header(r, "Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") && r.ContentLength != 0 {
		return &Error{Shape: "UnsupportedMediaType", Coral: true, Status: http.StatusUnsupportedMediaType, Message: "The body must not be compressed."}
	}
	var err error
	if c.in, err = body.ReadInto(c.in, r, MaxBody); err != nil {
		return err
	}
	var b bound
	if target != "" {
		b, err = h.jsonOperation(c, target)
	} else {
		b, err = h.queryOperation(c, r, service)
	}
	if err != nil {
		return err
	}
	c.service, c.operation = b.service, b.operation.Name
	if rec, ok := w.(interface{ SetRoute(route string) }); ok {
		rec.SetRoute(b.route)
	}
	return b.operation.serve(r.Context(), c)
}

// answerHeader is the first value that an answer has for a header.
func answerHeader(w http.ResponseWriter, name string) string {
	if v := w.Header()[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// usedURL is the URL of the router as the client has it.
func usedURL(r *http.Request) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return scheme + r.Host
}

func (h *Handler) jsonOperation(c *call, target string) (bound, error) {
	if b, ok := h.targets[target]; ok {
		return b, nil
	}
	prefix, name, _ := strings.Cut(target, ".")
	for _, s := range h.services {
		if s.Target == prefix {
			c.service = s
			if reason, ok := s.Refused[name]; ok {
				return bound{}, unsupported(name, reason)
			}
		}
	}
	return bound{}, unknownOperation(clip(target))
}

func unsupported(name, reason string) *Error {
	return &Error{
		Shape: "UnsupportedOperation", Coral: true,
		Message: "The operation " + name + " is not supported: " + reason + ".",
	}
}

// queryOperation reads the parameters of a Query request, from its body or its URL, and finds the operation.
func (h *Handler) queryOperation(c *call, r *http.Request, scope string) (bound, error) {
	c.service = h.byQuery(scope, "", "")
	form := r.URL.RawQuery
	if r.Method == http.MethodPost && len(c.in) > 0 {
		if form != "" {
			form = string(c.in) + "&" + form // the body's come first, and of two the first counts
		} else {
			form = string(c.in)
		}
	}
	root, err := parseForm(form)
	if err != nil {
		return bound{}, err
	}
	c.form = root
	action, version := root.text("Action"), root.text("Version")
	c.service = h.byQuery(scope, version, action)
	if action == "" {
		if r.Method == http.MethodGet && c.request.QueuePath != "" {
			return bound{}, errBareGet
		}
		return bound{}, &Error{
			Shape: "MissingAction", Coral: true,
			Message: "The request is missing an action or a required parameter: it needs the header X-Amz-Target, or the parameter Action.",
		}
	}
	if c.service == nil {
		return bound{}, invalidAction(clip(action), clip(version))
	}
	b, ok := h.actions[c.service.QueryVersion+" "+action]
	switch {
	case !ok && c.service.Refused[action] != "":
		return bound{}, unsupported(action, c.service.Refused[action])
	case !ok:
		return bound{}, invalidAction(clip(action), "")
	case c.request.QueuePath != "" && (!c.service.QueuePath || b.operation.ServiceOnly):
		return bound{}, invalidAction(action, "")
	}
	return b, nil
}

func (n *node) text(name string) string {
	if c := n.child(name); c != nil {
		return c.value
	}
	return ""
}

// byQuery is the service of a Query request: by its version, or else by the scope of its credential, or else the first that
// knows the action (URLs that are to be visited have nothing but an action), or else the first.
func (h *Handler) byQuery(scope, version, action string) *Service {
	var first, knows *Service
	for _, s := range h.services {
		switch {
		case s.QueryVersion == "":
		case version != "":
			if s.QueryVersion == version {
				return s
			}
		case s.Name == scope:
			return s
		default:
			if first == nil {
				first = s
			}
			if _, ok := h.actions[s.QueryVersion+" "+action]; knows == nil && (ok || s.Refused[action] != "") {
				knows = s
			}
		}
	}
	if knows != nil {
		return knows
	}
	return first
}

// errBareGet is the answer to a GET of a queue's URL that asks for nothing.
var errBareGet = errors.New("bare GET of a queue")

// read reads the request into an input, and refuses it if it lacks something.
func (c *call) read(in Shape) error {
	if c.service.Coral {
		return c.readConstrained(in)
	}
	var err error
	if c.codec == codecJSON {
		err = c.reader.readJSON(c.in, in)
	} else {
		err = readQuery(c.form, in)
	}
	if err != nil {
		return err
	}
	known := ""
	if c.codec != codecJSON && c.request.QueuePath != "" {
		known = "QueueUrl" // a Query request to the path of a queue names it by that
	}
	if name := missing(in, known, c.reader.fields); name != "" {
		return MissingParameter(name)
	}
	return nil
}
