package endpoint

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Limits of what is read of an answer.
const (
	MaxResponseBody   = 64 << 10
	MaxResponseHeader = 64 << 10
)

// ClientConfig has a client's settings. The zero value is usable: public addresses for API-made endpoints, the system's
// resolver and certificates, no proxy.
type ClientConfig struct {
	// Version goes into User-Agent: Signalbox/<version>. Default "dev".
	Version string
	// Guard decides which addresses may be called.
	Guard Guard
	// TLS is the client's TLS identity: certificates and roots. nil means the system's. It is cloned. A process with several identities has a
	// Client for each, because a connection belongs to the identity it was made with.
	TLS *tls.Config
	// Resolver looks up host names. nil means the system's.
	Resolver *net.Resolver
	// Proxy chooses a proxy for managed endpoints; the guard then sees the proxy's address, not the endpoint's. nil means
	// none; the environment is not read. API-made endpoints never use it, for it would reach around the guard.
	Proxy func(*http.Request) (*url.URL, error)
	// Dial, when set, makes the connections in place of the network, of any endpoint and without the guard, which looks at
	// addresses that Dial does not give: it is for tests in memory and for tunnels. It gets host and port as in the URL.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// MaxIdleConns bounds idle connections in all. Default 4096.
	MaxIdleConns int
	// IdleTimeout closes a connection that was not used for so long. Default 60s.
	IdleTimeout time.Duration
}

// Client makes attempts. It is safe for concurrent use; Close it after its last use. Connections to one host are kept for as many
// attempts as an endpoint may have in flight.
type Client struct {
	userAgent []string
	// Managed and API-made endpoints never share connections: a pooled one was checked by the rules of whoever opened it.
	managed, guarded lane
}

// lane is a pool of connections, and a twin without a pool for the one repetition that must not meet a dead connection again.
type lane struct{ pooled, fresh *http.Transport }

// NewClient makes a client. It starts nothing.
func NewClient(c ClientConfig) *Client {
	if c.Version == "" {
		c.Version = "dev"
	}
	if c.MaxIdleConns <= 0 {
		c.MaxIdleConns = 4096
	}
	if c.IdleTimeout <= 0 {
		c.IdleTimeout = time.Minute
	}
	return &Client{
		userAgent: []string{"Signalbox/" + c.Version},
		managed:   newLane(c, true),
		guarded:   newLane(c, false),
	}
}

func newLane(c ClientConfig, managed bool) lane {
	transport := func(fresh bool) *http.Transport {
		dialer := &net.Dialer{
			// An attempt's timeout does not end a dial, which may serve the next attempt; this does.
			Timeout:        10 * time.Second,
			Resolver:       c.Resolver,
			ControlContext: c.Guard.control(managed),
		}
		dial := dialer.DialContext
		if c.Dial != nil {
			dial = c.Dial
		}
		t := &http.Transport{
			DialContext:            dialing(dial),
			TLSHandshakeTimeout:    10 * time.Second,
			ForceAttemptHTTP2:      true, // for https only; a custom dialer would switch it off
			HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
			MaxIdleConns:           c.MaxIdleConns,
			MaxIdleConnsPerHost:    MaxMaxInFlight,
			IdleConnTimeout:        c.IdleTimeout,
			ExpectContinueTimeout:  time.Second,
			MaxResponseHeaderBytes: MaxResponseHeader,
			DisableCompression:     true, // the answer is kept as it was sent, and nothing can blow up
			DisableKeepAlives:      fresh,
		}
		if c.TLS != nil {
			t.TLSClientConfig = c.TLS.Clone()
		}
		if managed {
			t.Proxy = c.Proxy
		}
		return t
	}
	return lane{pooled: transport(false), fresh: transport(true)}
}

// Close closes idle connections. Attempts still running are not disturbed, and their connections may stay behind idle until the
// idle timeout; so Close comes after them.
func (c *Client) Close() {
	for _, l := range []lane{c.managed, c.guarded} {
		l.pooled.CloseIdleConnections()
		l.fresh.CloseIdleConnections()
	}
}

// Request is one attempt to be made. Endpoint.Request fills in what the endpoint knows.
type Request struct {
	URL     string        // of the call itself; for format lambda as LambdaURL returns it
	Method  string        // default POST
	Header  http.Header   // the format's and the endpoint's own headers; keys in canonical form. Only read
	Body    []byte        // the payload. It must not be changed, even after Do has returned: a connection may still be writing it
	Timeout time.Duration // for the whole attempt; 0 or less means DefaultTimeout
	Format  Format        // only lambda makes a difference
	Managed bool          // see Endpoint.Managed

	ContentType string  // unless Header has one; default application/json
	ID          string  // webhook-id, the same on every attempt; empty sends none. No dots, spaces or control characters
	Attempt     int     // signalbox-attempt, from 1; 0 sends none
	TraceParent string  // traceparent; empty sends none
	Signer      *Signer // nil means unsigned

	parsed *parsedURL // what URL says, if it was read before; nil for not
}

// parsedURL is a valid URL, read once for all attempts. It is only read.
type parsedURL struct {
	text string
	url  *url.URL
}

// Request returns a request with the endpoint's URL (for format lambda the Invoke operation's), timeout, format, headers and egress rules. An
// invalid lambda URL is left as it is.
func (e Endpoint) Request() Request {
	r := Request{URL: e.URL, Timeout: e.Timeout.Std(), Format: e.Format, Managed: e.Managed, Header: make(http.Header, len(e.Headers)+8)}
	if e.Format == FormatLambda {
		if u, err := LambdaURL(e.URL, e.Name); err == nil {
			r.URL = u
		}
	}
	for name, value := range e.Headers {
		r.Header[http.CanonicalHeaderKey(name)] = []string{value}
	}
	var p problems
	if u := validateURL(&p, r.URL); u != nil {
		r.parsed = &parsedURL{text: r.URL, url: u}
	}
	return r
}

// To has the request go to a URL that ParseURL has read. It may since have become longer than an endpoint's may be.
func (r *Request) To(u *url.URL) {
	r.URL = u.String()
	r.parsed = &parsedURL{text: r.URL, url: u}
}

// Result is what came of an attempt. When Class is ClassNone the endpoint has the delivery.
type Result struct {
	Class      ErrorClass
	Err        error         // what broke the attempt, if it was not the answer; for people (see Reason), except ErrBlockedAddress
	Status     int           // 0 without an answer
	Header     http.Header   // the answer's; the caller owns it
	Body       []byte        // its first 64 KiB at most; the caller owns it
	Truncated  bool          // Body is not all of it
	RetryAfter time.Duration // what the endpoint asked for, 0 to MaxDelay; 0 also when it did not ask; negative when it said a negative number
	Location   string        // of a 3xx, as sent and as long; Reason shows the first 2 KiB
	Sent       http.Header   // the request's headers as they were sent, with what is secret in them; nil if it could not be built. Only read
	Phases     Phases
}

var errAttemptTimeout = errors.New("timeout")

// Do makes one attempt, and always returns a value: what failed is in it. It returns within the request's timeout (and a
// moment), or when ctx ends, which makes the class interrupted. Redirects are not followed.
//
// On every attempt it sets User-Agent and Content-Type, unless r.Header has them, and from the request's fields webhook-id,
// webhook-timestamp (now), webhook-signature, signalbox-attempt, traceparent and X-Amz-Invocation-Type; these replace any such
// header in r.Header.
//
// When a connection that was kept from before turns out dead, with not one byte of an answer, the request is sent once
// more on a new connection, within the same timeout, and Phases.Resent says so. The endpoint may then have received it twice, with the same webhook-id.
func (c *Client) Do(ctx context.Context, r Request) Result {
	start := time.Now()
	timeout := r.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errAttemptTimeout)
	defer cancel()

	lane := &c.guarded
	if r.Managed {
		lane = &c.managed
	}
	var res Result
	tr := &tracer{}
	req, err := c.build(tr.trace(ctx), r, start)
	if err != nil {
		res = Result{Class: ClassRequest, Err: err}
	} else {
		res = try(lane.pooled, req, tr, r.Format)
		tr.phases(&res.Phases)
		if res.Class == ClassReset && res.Phases.Reused && tr.silent() && !isStreamReset(res.Err) {
			tr = &tracer{}
			again := req.WithContext(tr.trace(ctx))
			if req.GetBody != nil {
				again.Body, _ = req.GetBody() // never fails
			}
			res = try(lane.fresh, again, tr, r.Format)
			tr.phases(&res.Phases)
			res.Phases.Resent = true
		}
		res.Sent = req.Header
	}
	res.Phases.Total = time.Since(start)
	return res
}

// build makes the request and its headers.
func (c *Client) build(ctx context.Context, r Request, now time.Time) (*http.Request, error) {
	method := r.Method
	if method == "" {
		method = http.MethodPost
	}
	if !isToken(method) {
		return nil, &InvalidError{Field: "method", Reason: "is not valid"}
	}
	var u *url.URL
	if r.parsed != nil && r.parsed.text == r.URL {
		u = r.parsed.url
	} else {
		var p problems
		if u = validateURL(&p, r.URL); u == nil {
			return nil, p.join()
		}
	}
	// What http.NewRequestWithContext would do, without reading the URL a second time.
	plain := http.Request{Method: method, URL: u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody}
	req := plain.WithContext(ctx)
	if body := r.Body; len(body) > 0 {
		req.ContentLength = int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		req.Body, _ = req.GetBody() // never fails
	}
	h := headers{Header: make(http.Header, len(r.Header)+8)}
	for name, values := range r.Header {
		h.Header[http.CanonicalHeaderKey(name)] = values
	}
	if len(h.Header[headerUserAgent]) == 0 {
		h.Header[headerUserAgent] = c.userAgent
	}
	if len(h.Header[headerContentType]) == 0 {
		contentType := r.ContentType
		if contentType == "" {
			contentType = defaultContentType
		}
		h.set(headerContentType, contentType)
	}
	if r.Attempt > 0 {
		h.set(headerAttempt, strconv.Itoa(r.Attempt))
	}
	if r.TraceParent != "" {
		h.set(headerTraceParent, r.TraceParent)
	}
	if r.Format == FormatLambda {
		h.set(LambdaInvocationType, lambdaInvocationSync)
	}
	if err := r.Signer.stamp(&h, r.ID, now, r.Body); err != nil {
		return nil, err
	}
	for name, values := range h.Header {
		for _, value := range values {
			if !isToken(name) || !isFieldValue(value) {
				return nil, &InvalidError{Field: "headers." + clip(name, 64), Reason: "is not a valid header"}
			}
		}
	}
	req.Header = h.Header
	if u.User != nil && len(req.Header["Authorization"]) == 0 {
		password, _ := u.User.Password()
		req.SetBasicAuth(u.User.Username(), password)
	}
	return req, nil
}

// try sends the request on one transport and reads the answer. It is RoundTrip, not http.Client.Do: nothing here follows
// redirects, keeps cookies or sets deadlines of its own.
func try(t *http.Transport, req *http.Request, tr *tracer, format Format) Result {
	ctx := req.Context()
	resp, err := t.RoundTrip(req)
	if err != nil {
		return Result{Class: classifyError(ctx, err, tr), Err: err}
	}
	defer resp.Body.Close()
	res := Result{Status: resp.StatusCode, Header: resp.Header, Class: Classify(resp.StatusCode, resp.Header, format)}
	if res.Class != ClassNone {
		res.RetryAfter = retryAfter(resp.Header, time.Now())
	}
	if res.Class == ClassRedirect {
		res.Location = resp.Header.Get("Location")
	}
	if resp.StatusCode == http.StatusSwitchingProtocols { // its body is the connection itself, and without an end
		return res
	}
	var cut error
	res.Body, res.Truncated, cut = readBody(resp)
	if cut != nil {
		res.Truncated = true
		if res.Class == ClassNone { // any other status already says what happened
			res.Class, res.Err = classifyError(ctx, cut, tr), cut
			if res.Class != ClassTimeout && res.Class != ClassInterrupted {
				res.Class = ClassBody
			}
		}
	}
	return res
}

// readBody reads at most MaxResponseBody bytes. It returns an error only when the body broke off before that.
func readBody(resp *http.Response) (body []byte, truncated bool, err error) {
	length := resp.ContentLength
	if length == 0 || resp.Body == http.NoBody {
		return nil, false, nil
	}
	if length > 0 {
		body = make([]byte, min(length, MaxResponseBody))
		n, err := io.ReadFull(resp.Body, body)
		if n == 0 {
			body = nil
		}
		return body[:n], length > MaxResponseBody, err
	}
	body = make([]byte, 0, 512)
	for {
		if len(body) == cap(body) {
			if len(body) >= MaxResponseBody {
				break
			}
			body = append(make([]byte, 0, min(4*cap(body), MaxResponseBody)), body...)
		}
		n, err := resp.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case err == io.EOF:
			return body, false, nil
		case err != nil:
			return body, true, err
		}
	}
	// The limit is reached; is that the end? An error here means no more than that it is not.
	var probe [1]byte
	for {
		n, err := resp.Body.Read(probe[:])
		if n > 0 || (err != nil && err != io.EOF) {
			return body, true, nil
		}
		if err == io.EOF {
			return body, false, nil
		}
	}
}
