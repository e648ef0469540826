package destination

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

const (
	// Timeout is for a whole call, from DNS to the last byte of the answer.
	Timeout = 5 * time.Second
	// LongestCall is how long [Caller.Call] takes at most, or a moment more: a token, a call, and both once more if the token was
	// refused.
	LongestCall = 2 * (tokenTimeout + Timeout)
	// MaxInFlight is how many calls of one destination are under way at most, of all that a dispatcher makes
	// (dispatch.DefaultMaxInFlight): 300 a second as long as each takes a third of a second.
	MaxInFlight = 100
)

// Endpoint is the destination as an endpoint: its limits, and the retry policy of a delivery that has none of its own. Its URL
// is the destination's, with its asterisks.
func (d *Destination) Endpoint(name string) endpoint.Endpoint {
	perSecond := d.Rate
	if perSecond == 0 {
		perSecond = DefaultRate
	}
	return endpoint.Endpoint{
		Name: name, URL: d.URL, Format: endpoint.FormatRaw, Timeout: duration.Of(Timeout),
		// So many are under way if each takes as long as it may; but a slow destination must not take the places of all others.
		MaxInFlight: min(perSecond*int(Timeout/time.Second), MaxInFlight),
		Rate:        endpoint.Rate{Count: perSecond, Per: time.Second},
		Retry:       endpoint.EventBridgeRetry(endpoint.EventBridgeRetries, endpoint.EventBridgeMaxAge),
		Managed:     d.Managed,
	}
}

// Caller makes the calls of one destination, as it was defined when the Caller was made, by its connection as it is at each call. It
// is safe for concurrent use.
type Caller struct {
	def         Destination
	template    template
	connection  catalog.Name
	definitions *catalog.Catalog
	connections *catalog.Table[Connection]
	tokens      *Tokens
	client      *endpoint.Client
	ready       atomic.Pointer[authorization]
}

// NewCaller makes a caller. It fails if the destination's URL can not be read.
func NewCaller(name catalog.Name, def Destination, definitions *catalog.Catalog, client *endpoint.Client, tokens *Tokens) (*Caller, error) {
	t, err := parseTemplate(def.URL)
	if err != nil {
		return nil, err
	}
	return &Caller{
		def: def, template: t, connection: catalog.Name{Account: name.Account, Region: name.Region, Name: def.Connection},
		definitions: definitions, connections: catalog.NewTable[Connection](definitions, ConnectionTable),
		tokens: tokens, client: client,
	}, nil
}

// Connection is the name of the connection.
func (c *Caller) Connection() catalog.Name { return c.connection }

// Called is what came of a call, without secrets: where the endpoint repeats one in its answer it is replaced, and a compressed
// body is decoded.
type Called struct {
	endpoint.Result
	// URL and Header are the request's as they may be shown. Result.Sent is nil.
	URL    string
	Header http.Header
}

// Call makes one attempt to deliver: about says what, body is the message's. An error says why that delivery can never be made. It
// returns within LongestCall, or when ctx ends.
func (c *Caller) Call(ctx context.Context, about *endpoint.Delivery, body []byte) (Called, error) {
	a := c.authorization()
	request, shown, err := c.request(a, about, body)
	if err != nil {
		return Called{}, errors.New(a.masks.text(err.Error()))
	}
	called := Called{URL: shown}
	if a.unusable != nil {
		called.Class, called.Err = endpoint.ClassAuthorization, a.unusable
		return called, nil
	}
	m := a.masks
	if a.tokens == nil {
		called.Result = c.client.Do(ctx, request)
	} else {
		m = c.callWithToken(ctx, a, request, &called)
	}
	called.Header = a.show(called.Sent)
	called.Sent = nil
	readable(&called.Result)
	m.result(&called.Result)
	return called, nil
}

// callWithToken calls with a token, and once more with another one if it was refused. It returns the masks that know both.
func (c *Caller) callWithToken(ctx context.Context, a *authorization, request endpoint.Request, called *Called) *masks {
	tok, err := c.tokens.get(ctx, a.tokens)
	c.tokens.revise(c.connections, c.definitions.Snapshot(), c.connection, a.id, a.revision)
	if err != nil {
		called.Class, called.Err = endpoint.ClassAuthorization, err
		if ctx.Err() != nil {
			called.Class = endpoint.ClassInterrupted
		}
		return a.masks
	}
	request.Header.Set("Authorization", tok.header)
	secrets := append(slices.Clone(a.secrets), tok.secret)
	called.Result = c.client.Do(ctx, request)
	if called.Status == http.StatusUnauthorized || called.Status == http.StatusProxyAuthRequired {
		if renewed, ok := c.tokens.renew(ctx, a.tokens, tok); ok {
			request.Header.Set("Authorization", renewed.header)
			secrets = append(secrets, renewed.secret)
			called.Result = c.client.Do(ctx, request)
		}
	}
	return newMasks(secrets...)
}

// authorization is the connection as it is now.
func (c *Caller) authorization() *authorization {
	entry, err := c.connections.At(c.definitions.Snapshot(), c.connection)
	if errors.Is(err, catalog.ErrNotFound) {
		return missing(c.connection.Name)
	}
	if err != nil {
		a := missing(c.connection.Name)
		a.unusable = errors.New("the connection " + c.connection.Name + " can not be read")
		return a
	}
	if a := c.ready.Load(); a != nil && a.id == entry.ID && a.revision == entry.Revision {
		return a
	}
	a := newAuthorization(&entry, c.template.secrets()...)
	c.ready.Store(a)
	return a
}

// request makes the request of a delivery, but for a token, and the URL as it may be shown.
func (c *Caller) request(a *authorization, about *endpoint.Delivery, body []byte) (r endpoint.Request, shown string, err error) {
	given := about.HTTP
	if given == nil {
		given = &endpoint.HTTPParameters{}
	}
	u, err := c.template.fill(given.Path)
	if err != nil {
		return r, "", err
	}
	var query []pair
	for _, key := range slices.Sorted(maps.Keys(given.Query)) {
		if !hasKey(a.query, key) {
			query = append(query, pair{key: key, value: given.Query[key]})
		}
	}
	sent, open := addQuery(u.RawQuery, append(query, a.query...))
	u.RawQuery = open
	bare := *u
	bare.User = nil
	shown = a.masks.text(bare.String())
	u.RawQuery = sent
	r = endpoint.Request{
		Method: c.def.Method, Timeout: Timeout, Format: endpoint.FormatRaw, Managed: c.def.Managed,
		Header: c.header(a, about, given),
	}
	r.To(u)
	if hasBody(c.def.Method) {
		r.Body = merge(body, a.body)
	}
	return r, shown, nil
}

// header are a request's headers: what the connection has comes before what the target gives, that before what the message is
// sent with, and that before what every call has. Those that are reserved are the same always.
func (c *Caller) header(a *authorization, about *endpoint.Delivery, given *endpoint.HTTPParameters) http.Header {
	h := make(http.Header, len(a.header)+len(given.Header)+6)
	h["Content-Type"] = []string{defaultContentType}
	if v := about.Verbatim; v != nil {
		if v.ContentType != "" && v.ContentType != "application/json" {
			h["Content-Type"] = []string{v.ContentType}
		}
		add(h, v.Header)
	}
	add(h, given.Header)
	maps.Copy(h, a.header)
	h["User-Agent"] = []string{userAgent}
	h["Range"] = []string{byteRange}
	h["Accept-Encoding"] = []string{acceptEncoding}
	return h
}

func add(h http.Header, all map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(all)) { // of two in different case it is always the same one that counts
		if !ReservedHeader(name) {
			h[http.CanonicalHeaderKey(name)] = []string{all[name]}
		}
	}
}

// show returns the headers that were sent without what is secret in them.
func (a *authorization) show(sent http.Header) http.Header {
	if sent == nil {
		return nil
	}
	shown := make(http.Header, len(sent))
	for name, values := range sent {
		if a.hidden[name] || name == "Authorization" {
			shown[name] = []string{masked}
			continue
		}
		open := make([]string, len(values))
		for i, value := range values {
			open[i] = a.masks.text(value)
		}
		shown[name] = open
	}
	return shown
}
