package endpoint

import (
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/duration"
)

// Defaults and limits of an Endpoint.
const (
	DefaultTimeout     = 15 * time.Second
	MaxTimeout         = 30 * time.Second // also the limit for what the YAML file may say
	DefaultMaxInFlight = 10
	MaxMaxInFlight     = 1000
	MaxNameBytes       = 256
	MaxURLBytes        = 2048
)

// Format says how an event becomes an HTTP request. The zero value means FormatCloudEvent.
type Format string

const (
	FormatCloudEvent       Format = "cloudevent"        // CloudEvents 1.0, structured: the whole event is the JSON body
	FormatCloudEventBinary Format = "cloudevent-binary" // CloudEvents 1.0, binary: attributes in ce- headers, data as body
	FormatEventBridge      Format = "eventbridge"       // the EventBridge envelope as JSON
	FormatRaw              Format = "raw"               // the data, or the transform's result, as it is
	FormatLambda           Format = "lambda"            // AWS Lambda's Invoke API, synchronous; see LambdaURL
)

// Formats lists every format, the default first.
func Formats() []Format {
	return []Format{FormatCloudEvent, FormatCloudEventBinary, FormatEventBridge, FormatRaw, FormatLambda}
}

// Endpoint is a function: where it is, how it is called, how gently, and what happens when it fails. The zero value of every
// field but Name and URL means its default (see WithDefaults). It is data, kept in the catalog as JSON; a copy shares the slices and maps,
// which nobody changes.
type Endpoint struct {
	// Name identifies the endpoint: 1 to 256 of [A-Za-z0-9._:/-].
	Name string `json:"name" yaml:"-"`
	// URL is absolute, http or https, at most 2048 bytes, without a fragment. User and password in it become basic authentication. For
	// format lambda see LambdaURL.
	URL string `json:"url" yaml:"url"`
	// Format defaults to cloudevent.
	Format Format `json:"format,omitempty" yaml:"format"`
	// Timeout is for a whole attempt, from DNS to the last byte of the response. Default 15s, maximum 30s.
	Timeout duration.Duration `json:"timeout,omitzero" yaml:"timeout"`
	// MaxInFlight is how many attempts may run at the same time. Default 10, maximum 1000.
	MaxInFlight int `json:"max_in_flight,omitempty" yaml:"max_in_flight"`
	// Rate limits attempts over time. Zero means no limit.
	Rate Rate `json:"rate,omitzero" yaml:"rate"`
	// Retry says when a failed delivery is tried again and when it is given up.
	Retry RetryPolicy `json:"retry,omitzero" yaml:"retry"`
	// Sign has the secrets that deliveries are signed with. Zero means unsigned.
	Sign Signing `json:"sign,omitzero" yaml:"sign"`
	// DeadLetter names the queue for what is given up. Empty means the built-in one. (In YAML it is dead_letter: {queue: NAME}.)
	DeadLetter string `json:"dead_letter,omitempty" yaml:"-"`
	// Headers are sent on every attempt. Those that Signalbox sets itself are refused: see ReservedHeader.
	Headers map[string]string `json:"headers,omitempty" yaml:"headers"`
	// Managed is true for what the operator's own file declares, which may be called anywhere but at link-local and metadata
	// addresses. False, for what API clients make, allows only what Guard's Allow list does.
	Managed bool `json:"managed,omitempty" yaml:"-"`
}

// WithDefaults returns a copy in which each zero field that has a default has it.
func (e Endpoint) WithDefaults() Endpoint {
	if e.Format == "" {
		e.Format = FormatCloudEvent
	}
	if e.Timeout == 0 {
		e.Timeout = duration.Of(DefaultTimeout)
	}
	if e.MaxInFlight == 0 {
		e.MaxInFlight = DefaultMaxInFlight
	}
	e.Retry = e.Retry.WithDefaults()
	e.Sign = e.Sign.WithDefaults()
	return e
}

// Validate returns nil, or every *InvalidError joined (errors.Join), in the order of the fields. Zero values that
// have a default are valid. It looks at the definition only: no DNS, no connection, and not at the egress rules (see Guard.CheckURL).
func (e Endpoint) Validate() error {
	var p problems
	switch {
	case e.Name == "":
		p.add("name", "is required")
	case len(e.Name) > MaxNameBytes:
		p.add("name", "is %d bytes long; the maximum is %d", len(e.Name), MaxNameBytes)
	case strings.IndexFunc(e.Name, notNameRune) >= 0:
		p.add("name", "may have only letters, digits and . _ : / -")
	case strings.Trim(e.Name, "./") == "": // it may become a part of a path
		p.add("name", "must not consist of dots and slashes only")
	}
	if u := validateURL(&p, e.URL); u != nil && e.Format == FormatLambda {
		if _, err := LambdaURL(e.URL, e.Name); err != nil {
			p = append(p, err)
		}
	}
	if e.Format != "" && !e.Format.known() {
		p.add("format", "%q is unknown; formats are cloudevent, cloudevent-binary, eventbridge, raw, lambda", e.Format)
	}
	if e.Timeout < 0 || e.Timeout.Std() > MaxTimeout {
		p.add("timeout", "%s is out of range; at most %s, default %s", e.Timeout, duration.Of(MaxTimeout), duration.Of(DefaultTimeout))
	}
	if e.MaxInFlight < 0 || e.MaxInFlight > MaxMaxInFlight {
		p.add("max_in_flight", "%d is out of range; 1 to %d, default %d", e.MaxInFlight, MaxMaxInFlight, DefaultMaxInFlight)
	}
	if err := e.Rate.validate(); err != nil {
		p.add("rate", "%s", err)
	}
	e.Retry.validate(&p, "retry.")
	e.Sign.validate(&p, "sign.")
	validateHeaders(&p, e.Headers, e.Format)
	return p.join()
}

func (f Format) known() bool {
	for _, k := range Formats() {
		if f == k {
			return true
		}
	}
	return false
}

func notNameRune(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._:/-", r))
}

// ParseURL reads what an endpoint's URL may be. The error joins *InvalidErrors of the field "url".
func ParseURL(raw string) (*url.URL, error) {
	var p problems
	u := validateURL(&p, raw)
	return u, p.join()
}

// validateURL returns the parsed URL if it is valid, and otherwise says why not. The text of a URL may hold credentials, so
// no reason quotes it whole.
func validateURL(p *problems, raw string) *url.URL {
	before := len(*p)
	if raw == "" {
		p.add("url", "is required")
		return nil
	}
	if len(raw) > MaxURLBytes {
		p.add("url", "is %d bytes long; the maximum is %d", len(raw), MaxURLBytes)
		return nil
	}
	if !utf8.ValidString(raw) {
		p.add("url", "is not valid UTF-8")
		return nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		reason := err.Error()
		if ue, ok := err.(*url.Error); ok { // url.Parse returns exactly this; its Error() would quote the URL
			reason = ue.Err.Error()
		}
		if strings.Contains(raw, "://") {
			p.add("url", "cannot be read: %s", reason)
		} else { // HOST:PORT/PATH, whose colon url.Parse takes for that of a scheme
			p.add("url", "must be absolute, with http:// or https://")
		}
		return nil
	}
	switch {
	case u.Scheme == "":
		p.add("url", "must be absolute, with http:// or https://")
	case u.Scheme != "http" && u.Scheme != "https":
		p.add("url", "scheme %q is not supported; use http or https", u.Scheme)
	case u.Opaque != "" || u.Hostname() == "":
		p.add("url", "has no host")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			p.add("url", "port %q is out of range; 1 to 65535", port)
		}
	} else if strings.HasSuffix(u.Host, ":") {
		p.add("url", "has a colon without a port")
	}
	if u.Fragment != "" || strings.Contains(raw, "#") {
		p.add("url", "must not have a fragment (#…): it would not be sent")
	}
	if len(*p) > before {
		return nil
	}
	return u
}
